// The event log: every accepted event, in the order of its commit, in column blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proto/result.h"
#include "proto/usage_batch.h"
#include "storage/key_value_store.h"

namespace stillwatch::storage {

// What the header of a block says of its events.
struct BlockSummary {
  uint64_t first_sequence = 0;  // Position of its first event in the log.
  uint32_t event_count = 0;
  int64_t min_time_unix_nano = 0;
  int64_t max_time_unix_nano = 0;
};

// Columns that a scan wants decoded; bit i is the field numbered i. All others read as absent.
struct ColumnSelection {
  uint32_t texts = ~uint32_t{0};
  uint64_t numbers = ~uint64_t{0};
};

// Appends batches of events as blocks and reads them back.
// An event's sequence is its position in the log, from 0, without gaps; it never changes.
// Threading: Append and next_sequence by one thread (the committer); Scan by any.
class EventLog {
 public:
  using BlockVisitor = std::function<bool(const BlockSummary& summary, UsageBatch batch)>;

  // What a scan met.
  struct ScanReport {
    uint64_t block_count = 0;
    uint64_t event_count = 0;
    uint64_t damaged_block_count = 0;  // Skipped: their checksum or their encoding is wrong.
  };

  // Finds the end of the log. If the last block is damaged, nobody knows how many events it had: the log then goes on
  // kBlockEventCountMax after its first, so that no sequence is given twice. Errors: those of the store.
  static Result<EventLog> Open(const KeyValueStore& store);

  // Adds the batch to `group` as one block (several, if it has more than kBlockEventCountMax events) and returns the
  // sequence of its first event. The log counts it as appended: the caller commits the group, again and again if need
  // be.
  uint64_t Append(const UsageBatch& batch, WriteGroup& group);
  uint64_t next_sequence() const { return next_sequence_; }

  // Visits the blocks that hold any event from sequence `from` on and whose times overlap [min_time, max_time], in
  // order. The first block may begin before `from`. `visit` returns false to stop. Damaged blocks are skipped,
  // counted and noted in the snapshot's register. An event that was erased has no account id: nothing is left of it but
  // its time. Errors: those of the store's reads; kDataLoss if the record of an erasure is damaged.
  static Result<ScanReport> Scan(const Snapshot& snapshot, uint64_t from, int64_t min_time_unix_nano,
                                 int64_t max_time_unix_nano, const ColumnSelection& columns, const BlockVisitor& visit);

  struct Block {
    BlockSummary summary;
    UsageBatch events;
  };
  // Calls body(0) … body(count − 1), possibly at the same time, and returns when all have returned.
  using ParallelFor = std::function<void(size_t count, const std::function<void(size_t)>& body)>;
  using GroupVisitor = std::function<bool(std::vector<Block> blocks)>;
  // The same, some blocks at a time, which are decoded by several threads: so many that they hold `event_count_min`
  // events, and fewer at the end. Memory: that of the group, stored and decoded.
  static Result<ScanReport> ScanGroups(const Snapshot& snapshot, uint64_t from, int64_t min_time_unix_nano,
                                       int64_t max_time_unix_nano, const ColumnSelection& columns,
                                       uint64_t event_count_min, const ParallelFor& parallel_for,
                                       const GroupVisitor& visit);

 private:
  explicit EventLog(uint64_t next_sequence) : next_sequence_(next_sequence) {}
  uint64_t next_sequence_;
};

}  // namespace stillwatch::storage
