// The store on RocksDB.
#pragma once

#include <memory>
#include <string>

#include "proto/result.h"
#include "storage/key_value_store.h"

namespace stillwatch::storage {

// Opens, or creates, the store in directory `path`. Errors: kFailedPrecondition if another process holds it or its
// format is newer than this program; kResourceExhausted for a full disk; kUnavailable or kDataLoss, with RocksDB's
// words, for anything else.
Result<std::unique_ptr<KeyValueStore>> OpenRocksDbStore(const std::string& path);

// Opens the store without ever writing to it, to look at it: every change is refused with kFailedPrecondition. Does not
// make what is missing. Errors: as above; kNotFound if there is none.
Result<std::unique_ptr<KeyValueStore>> OpenRocksDbStoreReadOnly(const std::string& path);

}  // namespace stillwatch::storage
