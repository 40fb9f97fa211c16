// Copies of the data directory, made while the daemon serves.
#pragma once

#include <filesystem>

#include "proto/result.h"
#include "storage/key_value_store.h"

namespace stillwatch::query {

// Makes `directory` a data directory of its own: the store with all that was committed before the call, and the reports
// of audits. It is made aside and renamed, so that a directory under this name is whole. Hard links where the file
// system allows them. The path comes from a caller elsewhere, hence it must be absolute, without "..", must not exist,
// must not lie in the data directory, and its parent must exist. Errors: kInvalidArgument, kAlreadyExists; those of the
// store and of the files, and then nothing is left behind.
Status MakeBackup(storage::KeyValueStore& store, const std::filesystem::path& data_directory,
                  const std::filesystem::path& directory);

}  // namespace stillwatch::query
