// A column batch: from the wire into the domain's columns.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "ingest/validation.h"
#include "proto/event_fields.h"
#include "proto/result.h"
#include "proto/usage_batch.h"

namespace stillwatch::ingest {

// Decodes v1.UsageColumns into a batch: texts become views of the wire's bytes, a dictionary stays one, and a value is
// checked once for all events that share it. A bad value costs the events that have it; a malformed column, of which no
// event can be told from another, the batch.
// Threading: none of its own. Ownership: the batch points into the bytes decoded.
class ColumnDecoder {
 public:
  // `batch` is empty; `batch` and `check` must outlive it.
  ColumnDecoder(UsageBatch& batch, const NumberCheck& check) : batch_(batch), check_(check) {}

  // Reads all columns. Rows that are not valid are in the batch too, and named by `invalidities()`.
  // Errors: kInvalidArgument for what is malformed, kResourceExhausted for too many events.
  Status Decode(std::string_view columns);

  // What is wrong with a row, by row.
  const std::map<uint32_t, Invalidity>& invalidities() const { return invalidities_; }
  EventTexts texts(size_t row) const;

 private:
  Status ReadMessage(std::string_view columns);
  Status DecodeTexts(std::string_view column);
  Status DecodeNumbers(std::string_view column, std::span<const EventField> fields, uint64_t& seen);
  void AddNames(TextField field, TextColumn column);
  void AddNumbers(const EventField& rule, const std::vector<uint32_t>& rows, std::vector<uint64_t> numbers);
  void CheckRows();
  void Reject(size_t row, Invalidity invalidity);

  UsageBatch& batch_;
  const NumberCheck& check_;
  uint64_t row_count_ = 0;
  uint64_t digest_version_ = 0;
  // The columns' own bytes; decoded when the number of rows is known.
  std::vector<std::string_view> wire_texts_;
  std::vector<std::string_view> wire_numbers_;
  std::vector<std::string_view> wire_digests_;
  uint64_t seen_fields_ = 0;  // Bit i: field i of UsageEvent had its column.
  uint64_t seen_digest_fields_ = 0;
  TextColumn system_prompts_;
  TextColumn prompts_;
  TextColumn completions_;
  std::map<uint32_t, Invalidity> invalidities_;
};

}  // namespace stillwatch::ingest
