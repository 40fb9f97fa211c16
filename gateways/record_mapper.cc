#include "gateways/record_mapper.h"

#include <algorithm>
#include <charconv>

#include "gateways/json_fields.h"
#include "gateways/value_conversion.h"

namespace stillwatch::gateways {
namespace {

// More messages of one request, or tools, than this are not numbered by anyone who means well.
constexpr uint32_t kNumberMax = 10'000;
// Of a numbered message: what follows its number and stands for its text.
constexpr std::string_view kContentKeys[] = {".content", ".contents.#.message_content.text"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Writes `key` to `out` with '#' for every part that is a number, and tells the first of them. False if there is none.
bool Generalize(std::string_view key, std::string& out, uint32_t& number) {
  out.clear();
  bool is_first = true;
  for (size_t begin = 0; begin <= key.size();) {
    const size_t end = std::min(key.find('.', begin), key.size());
    const std::string_view part = key.substr(begin, end - begin);
    const bool is_number = !part.empty() && std::ranges::all_of(part, IsDigit);
    if (is_number && is_first) {
      is_first = false;
      number = UINT32_MAX;
      std::from_chars(part.data(), part.data() + part.size(), number);
    }
    if (begin > 0) out += '.';
    out += is_number ? std::string_view("#") : part;
    begin = end + 1;
  }
  return !is_first;
}

NumberedMessage& MessageOf(std::vector<NumberedMessage>& messages, uint32_t number) {
  for (NumberedMessage& message : messages) {
    if (message.number == number) return message;
  }
  messages.push_back({number, {}, {}});
  return messages.back();
}

}  // namespace

RecordMapper::RecordMapper(const MappingTable& table, std::string_view listener) : table_(table) {
  const ListenerTable& own = *table.listener(listener);
  for (size_t index = 0; index < Target::kCount; ++index) {
    uint32_t rank = 0;
    AddUses(Target::ByIndex(index), own.fields[index], rank);
    AddUses(Target::ByIndex(index), table.fields()[index], rank);
  }
  for (const std::string& key : table.expanded()) entries_[key].is_expanded = true;
  for (const std::string& key : own.calls_have) entries_[key].marks_call = true;
  for (const auto& [key, values] : own.calls_are_not) entries_[key].not_calls = &values;
  must_be_marked_ = !own.calls_have.empty();
}

void RecordMapper::AddUses(Target target, const std::vector<Alias>& aliases, uint32_t& rank) {
  for (const Alias& alias : aliases) {
    const Use use{target, Part::kWhole, rank++, &alias};
    const bool is_numbered = alias.key.find('#') != std::string::npos;
    if (is_numbered && target.is_messages()) {
      AddUse(alias.key + ".role", {target, Part::kRole, use.rank, &alias});
      for (const std::string_view key : kContentKeys) {
        AddUse(alias.key + std::string(key), {target, Part::kContent, use.rank, &alias});
      }
    } else {
      AddUse(alias.key, {target, is_numbered ? Part::kEntry : Part::kWhole, use.rank, &alias});
    }
  }
}

bool RecordMapper::IsKnown(std::string_view key) const {
  Scratch scratch;
  uint32_t number = 0;
  return Find(key, scratch, number) != nullptr;
}

bool RecordMapper::IsCall(const Record& record) const {
  Scratch scratch;
  bool is_call = !must_be_marked_;
  for (const Field& field : record.fields()) {
    uint32_t number = 0;
    const Entry* entry = Find(field.key, scratch, number);
    if (entry == nullptr || IsEmpty(field.value)) continue;
    is_call |= entry->marks_call;
    if (entry->Excludes(field.value)) return false;
  }
  return is_call;
}

bool RecordMapper::Entry::Excludes(const Value& value) const {
  return not_calls != nullptr && std::ranges::find(*not_calls, value.text) != not_calls->end();
}

const RecordMapper::Entry* RecordMapper::Find(std::string_view key, Scratch& scratch, uint32_t& number) const {
  const auto found = entries_.find(absl::string_view(key.data(), key.size()));
  if (found != entries_.end()) return &found->second;
  if (std::ranges::none_of(key, IsDigit) || !Generalize(key, scratch.key, number)) return nullptr;
  const auto general = entries_.find(scratch.key);
  return general == entries_.end() ? nullptr : &general->second;
}

void RecordMapper::Take(const Use& use, const Record& record, uint32_t field, uint32_t number, MappedRecord& out) {
  const Value& value = record.fields()[field].value;
  MappedRecord::Choice& choice = out.choices[use.target.index()];
  if (use.rank > choice.rank) return;
  const bool is_numbered = use.part != Part::kWhole;
  if (is_numbered && number >= kNumberMax) return;
  if (use.rank < choice.rank) {
    choice = {use.alias, field, use.rank};
    if (use.target == Target(Target::kInputMessages)) out.input_messages.clear();
    if (use.target == Target(Target::kOutputMessages)) out.output_messages.clear();
    if (use.target == Target(Target::kTools)) out.tool_count = 0;
  }
  if (!is_numbered) return;
  if (use.part == Part::kEntry) {
    out.tool_count = std::max(out.tool_count, number + 1);
    return;
  }
  auto& messages = use.target == Target(Target::kOutputMessages) ? out.output_messages : out.input_messages;
  NumberedMessage& message = MessageOf(messages, number);
  std::string_view& part = use.part == Part::kRole ? message.role : message.content;
  if (part.empty()) part = value.text;
}

void RecordMapper::Map(Record& record, Scratch& scratch, MappedRecord& out) const {
  out.choices.fill({});
  out.input_messages.clear();
  out.output_messages.clear();
  out.tool_count = 0;
  out.is_call = !must_be_marked_;
  bool is_excluded = false;
  // The record grows while JSON is looked into.
  for (uint32_t i = 0; i < record.fields().size(); ++i) {
    const Field field = record.fields()[i];
    uint32_t number = 0;
    const Entry* entry = Find(field.key, scratch, number);
    if (entry == nullptr || IsEmpty(field.value)) continue;
    is_excluded |= entry->Excludes(field.value);
    out.is_call |= entry->marks_call;
    for (const Use& use : entry->uses) Take(use, record, i, number, out);
    if (!entry->is_expanded || field.value.text.empty()) continue;  // A number has no text.
    simdjson::dom::object object;
    if (scratch.parser.parse(field.value.text.data(), field.value.text.size()).get(object) == simdjson::SUCCESS) {
      // An object that is a field itself (logit_bias) is not taken apart.
      AddJsonFields(object, field.key, record, [this](std::string_view key) {
        return entries_.contains(absl::string_view(key.data(), key.size()));
      });
    }
  }
  out.is_call &= !is_excluded;
}

}  // namespace stillwatch::gateways
