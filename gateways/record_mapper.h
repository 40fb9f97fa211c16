// Which field of a message becomes which field of an event.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <simdjson.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gateways/mapping_table.h"
#include "gateways/record.h"

namespace stillwatch::gateways {

// A message of a numbered list: llm.input_messages.0.message.role and .content.
struct NumberedMessage {
  uint32_t number = 0;
  std::string_view role;
  std::string_view content;
};

// What was found in a record, by target. Fields are named by their place in the record.
struct MappedRecord {
  struct Choice {
    const Alias* alias = nullptr;  // Nothing was found if null.
    uint32_t field = 0;
    uint32_t rank = UINT32_MAX;
  };

  std::array<Choice, Target::kCount> choices;
  std::vector<NumberedMessage> input_messages;
  std::vector<NumberedMessage> output_messages;
  uint32_t tool_count = 0;  // By their numbers, where tools are numbered.
  bool is_call = false;

  const Choice& choice(Target target) const { return choices[target.index()]; }
};

// Looks the keys of a record up in one listener's names.
// Threading: immutable once made, except Map, which needs a Scratch of the caller's own. Ownership: `table` must
// outlive it.
class RecordMapper {
 public:
  // Memory of a caller of Map.
  struct Scratch {
    simdjson::dom::parser parser;
    std::string key;
  };

  // `listener`: one of the table's.
  RecordMapper(const MappingTable& table, std::string_view listener);

  const MappingTable& table() const { return table_; }
  // True if the key means something: of what many messages share (a resource), only that need be added to each.
  bool IsKnown(std::string_view key) const;
  // True if the record is about a call of a model, as far as its own keys tell.
  bool IsCall(const Record& record) const;
  // Fills `out` anew. JSON that is to be looked into adds its members to the record.
  void Map(Record& record, Scratch& scratch, MappedRecord& out) const;

 private:
  enum class Part : uint8_t { kWhole, kRole, kContent, kEntry };
  struct Use {
    Target target;
    Part part;
    uint32_t rank;
    const Alias* alias;
  };
  struct Entry {
    std::vector<Use> uses;
    const std::vector<std::string>* not_calls = nullptr;  // Values with which the message is no call.
    bool marks_call = false;
    bool is_expanded = false;

    bool Excludes(const Value& value) const;
  };

  void AddUses(Target target, const std::vector<Alias>& aliases, uint32_t& rank);
  void AddUse(const std::string& key, const Use& use) { entries_[key].uses.push_back(use); }
  const Entry* Find(std::string_view key, Scratch& scratch, uint32_t& number) const;
  static void Take(const Use& use, const Record& record, uint32_t field, uint32_t number, MappedRecord& out);

  const MappingTable& table_;
  absl::flat_hash_map<std::string, Entry> entries_;
  bool must_be_marked_ = false;  // The listener says how calls are known.
};

}  // namespace stillwatch::gateways
