// The store in memory: the reference that the RocksDB store is held against, and a fast one for tests.
#pragma once

#include <memory>

#include "storage/key_value_store.h"

namespace stillwatch::storage {

std::unique_ptr<KeyValueStore> MakeMemoryStore();

}  // namespace stillwatch::storage
