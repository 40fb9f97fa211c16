// The bytes of a block of events. The grammar is in storage/FORMAT.md.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "proto/result.h"
#include "proto/usage_batch.h"
#include "storage/event_log.h"

namespace stillwatch::storage {

// Events of one block: large enough to compress, small enough to decode in cache.
inline constexpr size_t kBlockEventCountMax = 4096;

// Encodes rows [begin, end) of `batch`, at most kBlockEventCountMax, as a block that begins at `first_sequence`.
std::string EncodeBlock(const UsageBatch& batch, size_t begin, size_t end, uint64_t first_sequence);

// Reads the header only. Errors: kDataLoss if it is damaged or of an unknown version.
Result<BlockSummary> DecodeBlockSummary(std::string_view bytes);

// Decodes the selected columns; the batch owns its texts. Never trusts a length or an index.
// Errors: kDataLoss, saying which column, if a checksum or the encoding is wrong.
Result<UsageBatch> DecodeBlock(std::string_view bytes, const ColumnSelection& columns);

// Checks everything about a block: header, each column's checksum and encoding. Calls `on_damage` with each column that
// is damaged, or with no column for the header, without which nothing else can be checked.
void CheckBlock(std::string_view bytes,
                const std::function<void(const std::string& column, const Status& status)>& on_damage);

}  // namespace stillwatch::storage
