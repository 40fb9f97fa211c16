// Puts events into columns for the wire.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

#include "proto/usage_batch.h"
#include "stillwatch/v1/usage.pb.h"

namespace stillwatch {

// Gathers events into the bytes of a v1.UsageColumns: each name once, times as differences. It writes the wire format
// itself, since a message of thousands of strings costs more to fill than all the rest.
// Threading: one thread. Ownership: keeps copies of what it needs of an event. Limits: none of its own; the caller
// bounds the events of a batch (proto/limits.h).
class ColumnsWriter {
 public:
  // Whether the event can be in the same columns as the others: a digest of another version than theirs cannot.
  bool HasRoomFor(const v1::UsageEvent& event) const;
  // Appends an event, valid or not: the receiver says what is wrong with it.
  void Add(const v1::UsageEvent& event);
  size_t size() const { return batch_.size(); }
  // Returns the message's bytes and begins anew.
  std::string Finish();

 private:
  std::string_view Keep(std::string_view name);
  uint32_t CodeOf(TextField field, std::string_view name);
  void AddNames(const v1::UsageEvent& event, size_t row);
  void AddNumbers(const v1::UsageEvent& event, size_t row);
  void AddDigest(const v1::UsageEvent& event, size_t row);
  void AddTexts(const v1::UsageEvent& event, size_t row);
  void WriteNames(std::string& out) const;
  void WriteNumbers(std::string& out) const;
  void WriteTexts(std::string& out) const;

  UsageBatch batch_;
  std::array<uint32_t, kTextFieldCount> last_codes_{};  // Of the newest row that has the field; 0 if none has.
  std::pmr::monotonic_buffer_resource names_;           // What the batch's texts point into.
  // By field of v1.UsageEvent: system_prompt, prompt, completion of each event up to the last one that has it.
  std::map<uint32_t, std::vector<std::string>> texts_;
  uint32_t digest_version_ = 0;
};

}  // namespace stillwatch
