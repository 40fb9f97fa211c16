#include "gateways/event_builder.h"

#include <xxhash.h>

#include <bit>
#include <cstdio>
#include <utility>

#include "gateways/value_conversion.h"
#include "proto/limits.h"

namespace stillwatch::gateways {

namespace {

constexpr int64_t kNanosecondsPerMillisecond = 1'000'000;

}  // namespace

using ingest::Invalidity;
using ingest::RejectReason;

EventBuilder::EventBuilder(const RecordMapper& mapper, const features::PromptDigester& digester, int64_t now_unix_nano)
    : mapper_(mapper), digester_(digester), check_(now_unix_nano) {}

EventBuilder::Outcome EventBuilder::Add(Record& record, std::string_view event_id,
                                        std::vector<FieldOutcome>* outcomes) {
  outcomes_ = outcomes;
  mapper_.Map(record, scratch_, mapped_);
  if (!mapped_.is_call) {
    ++ignored_count_;
    return Outcome::kIgnored;
  }
  const uint32_t index = call_count_++;
  row_ = batch_->AddRow();
  invalidity_ = {};
  FillRow(record, event_id);
  if (invalidity_.is_valid()) return Outcome::kEvent;
  batch_->RemoveLastRow();
  rejections_.push_back({index, invalidity_.reason, std::move(invalidity_.message)});
  return Outcome::kRejected;
}

std::shared_ptr<UsageBatch> EventBuilder::TakeBatch() {
  batch_->KeepAlive(std::exchange(names_, std::make_shared<std::deque<std::string>>()));
  return std::exchange(batch_, std::make_shared<UsageBatch>());
}

void EventBuilder::Reject(Invalidity invalidity) {
  if (invalidity_.is_valid()) invalidity_ = std::move(invalidity);
}

void EventBuilder::FillRow(const Record& record, std::string_view event_id) {
  SetChosenNumber(NumberField::kTimeUnixNano, record);
  if (!batch_->has(row_, NumberField::kTimeUnixNano)) {
    return Reject(problem_.is_valid() ? ingest::MissingField("time_unix_nano") : std::move(problem_));
  }
  SetChosenText(TextField::kAccountId, record);
  if (batch_->text(row_, TextField::kAccountId).empty()) {
    return Reject(problem_.is_valid() ? ingest::MissingField("account_id") : std::move(problem_));
  }
  for (size_t field = static_cast<size_t>(TextField::kAccountId) + 1; field < kTextFieldCount; ++field) {
    SetChosenText(static_cast<TextField>(field), record);
  }
  for (size_t field = static_cast<size_t>(NumberField::kTimeUnixNano) + 1; field < Target::kNumberCount; ++field) {
    SetChosenNumber(static_cast<NumberField>(field), record);
  }
  SetDurations(record);
  SetCounts(record);
  ReadConversation(record);
  SetContent();
  if (event_id.empty()) SetChosenText(TextField::kEventId, record);
  if (!event_id.empty() || batch_->text(row_, TextField::kEventId).empty()) {
    text_ = event_id.empty() ? DeriveEventId(record) : std::string(event_id);
    SetText(TextField::kEventId, text_);
  }
}

void EventBuilder::Tell(Target target, const Record& record, std::string value, std::string problem) {
  if (outcomes_ == nullptr) return;
  const MappedRecord::Choice& choice = mapped_.choice(target);
  const std::string key = choice.alias == nullptr ? std::string() : std::string(record.fields()[choice.field].key);
  outcomes_->push_back({target, key, std::move(value), std::move(problem)});
}

// True if the value can be used; otherwise problem_ tells why not.
bool EventBuilder::SetText(TextField field, std::string_view value) {
  if (field == TextField::kUserAgent) value = ingest::CutTo(value, kUserAgentBytesMax);
  const uint64_t hash = HashName(value);
  uint32_t code = batch_->FindValue(field, value, hash);
  if (code == 0) {
    problem_ = ingest::CheckText(field, value);
    if (!problem_.is_valid()) return false;
    code = batch_->AddValue(field, names_->emplace_back(value), hash);
  }
  batch_->SetCode(row_, field, code);
  return true;
}

bool EventBuilder::SetNumber(NumberField field, uint64_t value) {
  if (!check_.IsInRange(field, value)) {
    problem_ = check_.Explain(field, value);
    if (!problem_.is_valid()) return false;
  }
  batch_->SetNumber(row_, field, value);
  return true;
}

void EventBuilder::SetChosenText(TextField field, const Record& record) {
  problem_ = {};
  const MappedRecord::Choice& choice = mapped_.choice(field);
  if (choice.alias == nullptr) return;
  std::string_view value = ToText(record.fields()[choice.field].value, text_);
  if (choice.alias->is_hashed) value = text_ = HashSecret(value);
  value = mapper_.table().Translate(field, value);
  if (value.empty()) problem_ = {RejectReason::kBadEncoding, std::string(Target(field).name()) + ": is no text"};
  const bool is_set = !value.empty() && SetText(field, value);
  if (!is_set) ++unusable_field_count_;
  Tell(field, record, std::string(value), is_set ? "" : problem_.message);
}

void EventBuilder::SetChosenNumber(NumberField field, const Record& record) {
  problem_ = {};
  const MappedRecord::Choice& choice = mapped_.choice(field);
  if (choice.alias == nullptr) return;
  const std::optional<uint64_t> number = ToNumber(field, record.fields()[choice.field].value, choice.alias->unit);
  if (!number) problem_ = {RejectReason::kBadEncoding, std::string(Target(field).name()) + ": is no such number"};
  const bool is_set = number && SetNumber(field, *number);
  if (!is_set) ++unusable_field_count_;
  if (outcomes_ == nullptr) return;
  const bool is_real = field == NumberField::kTemperature || field == NumberField::kTopP;
  const std::string value = !number   ? std::string()
                            : is_real ? std::to_string(std::bit_cast<double>(*number))
                                      : std::to_string(*number);
  Tell(field, record, value, is_set ? "" : problem_.message);
}

// Durations that are not told as such follow from moments.
void EventBuilder::SetDurations(const Record& record) {
  for (const auto& [field, moment] : {std::pair(NumberField::kDurationMs, Target(Target::kEndTime)),
                                      std::pair(NumberField::kTimeToFirstTokenMs, Target(Target::kFirstTokenTime))}) {
    const MappedRecord::Choice& choice = mapped_.choice(moment);
    if (choice.alias == nullptr || batch_->has(row_, field)) continue;
    const std::optional<int64_t> end = ToNanoseconds(record.fields()[choice.field].value, choice.alias->unit);
    const int64_t start = batch_->time_unix_nano(row_);
    // A moment of zero is an unset one.
    if (!end || *end == 0) continue;
    const auto duration =
        static_cast<uint64_t>((*end - start + kNanosecondsPerMillisecond / 2) / kNanosecondsPerMillisecond);
    const bool is_set = *end >= start && SetNumber(field, duration);
    if (!is_set) ++unusable_field_count_;
    Tell(moment, record, std::to_string(*end), is_set ? "" : "is no time after the request's arrival");
  }
}

void EventBuilder::SetCounts(const Record& record) {
  for (const auto& [field, target] : {std::pair(NumberField::kToolCount, Target(Target::kTools)),
                                      std::pair(NumberField::kLogitBiasCount, Target(Target::kLogitBias))}) {
    const MappedRecord::Choice& choice = mapped_.choice(target);
    if (choice.alias == nullptr || batch_->has(row_, field)) continue;
    const std::optional<uint64_t> count = target == Target(Target::kTools) && mapped_.tool_count > 0
                                              ? mapped_.tool_count
                                              : reader_.CountEntries(record.fields()[choice.field].value.text);
    const bool is_set = count && SetNumber(field, *count);
    if (!is_set) ++unusable_field_count_;
    Tell(target, record, count ? std::to_string(*count) : "", is_set ? "" : "is no list and no object");
  }
}

std::string_view EventBuilder::ChosenText(Target target, const Record& record) const {
  const MappedRecord::Choice& choice = mapped_.choice(target);
  return choice.alias == nullptr ? std::string_view() : record.fields()[choice.field].value.text;
}

void EventBuilder::ReadConversation(const Record& record) {
  conversation_.Clear();
  const auto is_there = [this](Target target) { return mapped_.choice(target).alias != nullptr; };
  if (is_there(Target::kSystemMessages)) reader_.ReadSystem(ChosenText(Target::kSystemMessages, record), conversation_);
  if (!mapped_.input_messages.empty()) {
    reader_.ReadInput(mapped_.input_messages, conversation_);
  } else if (is_there(Target::kInputMessages)) {
    reader_.ReadInput(ChosenText(Target::kInputMessages, record), conversation_);
  }
  if (!mapped_.output_messages.empty()) {
    reader_.ReadOutput(mapped_.output_messages, conversation_);
  } else if (is_there(Target::kOutputMessages)) {
    reader_.ReadOutput(ChosenText(Target::kOutputMessages, record), conversation_);
  }
  for (const auto& [target, text] : {std::pair(Target(Target::kSystemPrompt), &conversation_.system_prompt),
                                     std::pair(Target(Target::kPrompt), &conversation_.prompt),
                                     std::pair(Target(Target::kCompletion), &conversation_.completion)}) {
    if (is_there(target)) *text = ChosenText(target, record);
  }
  for (const auto& [target, text] : {std::pair(Target(Target::kSystemMessages), &conversation_.system_prompt),
                                     std::pair(Target(Target::kInputMessages), &conversation_.prompt),
                                     std::pair(Target(Target::kOutputMessages), &conversation_.completion)}) {
    if (is_there(target)) Tell(target, record, "text of " + std::to_string(text->size()) + " bytes", "");
  }
}

void EventBuilder::SetContent() {
  if (conversation_.message_count && !batch_->has(row_, NumberField::kMessageCount)) {
    SetNumber(NumberField::kMessageCount, *conversation_.message_count);
  }
  if (!conversation_.finish_reason.empty() && batch_->text(row_, TextField::kFinishReason).empty()) {
    SetText(TextField::kFinishReason, conversation_.finish_reason);
  }
  const ingest::EventTexts texts{conversation_.system_prompt, conversation_.prompt, conversation_.completion};
  if (texts.empty()) return;
  if (!ingest::CheckTexts(texts).is_valid()) {
    ++unusable_field_count_;
    return;
  }
  digester_.Digest(texts.system_prompt, texts.prompt, texts.completion, *batch_, row_);
}

std::string EventBuilder::DeriveEventId(const Record& record) const {
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  for (const Field& field : record.fields()) {
    XXH3_128bits_update(&state, field.key.data(), field.key.size());
    XXH3_128bits_update(&state, field.value.text.data(), field.value.text.size());
    const uint64_t numbers[] = {static_cast<uint64_t>(field.value.kind), static_cast<uint64_t>(field.value.integer),
                                std::bit_cast<uint64_t>(field.value.real), field.key.size()};
    XXH3_128bits_update(&state, numbers, sizeof(numbers));
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(&state);
  char text[33];
  std::snprintf(text, sizeof(text), "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return text;
}

}  // namespace stillwatch::gateways
