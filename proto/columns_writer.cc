#include "proto/columns_writer.h"

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "proto/event_fields.h"
#include "stillwatch/v1/ingest.pb.h"

namespace stillwatch {
namespace {

using Event = v1::UsageEvent;
using Columns = v1::UsageColumns;
using google::protobuf::io::CodedOutputStream;

// Appends to a message's bytes.
class WireWriter {
 public:
  explicit WireWriter(std::string& out) : out_(out) {}

  void WriteVarint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
    out_ += static_cast<char>(value);
  }
  void WriteTag(int field, WireType type) {
    WriteVarint(static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(type));
  }
  void WriteNumber(int field, uint64_t value) {
    WriteTag(field, WireType::kVarint);
    WriteVarint(value);
  }
  void WriteBytes(int field, std::string_view bytes) {
    WriteTag(field, WireType::kBytes);
    WriteVarint(bytes.size());
    out_ += bytes;
  }

 private:
  std::string& out_;
};

// The bytes of a packed list, with room for all its numbers from the beginning.
class PackedList {
 public:
  explicit PackedList(size_t count)
      : bytes_(std::make_unique_for_overwrite<uint8_t[]>(count * kNumberBytesMax)), end_(bytes_.get()) {}

  void AddVarint(uint64_t value) { end_ = CodedOutputStream::WriteVarint64ToArray(value, end_); }
  void AddFixed64(uint64_t value) { end_ = CodedOutputStream::WriteLittleEndian64ToArray(value, end_); }
  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(bytes_.get()), static_cast<size_t>(end_ - bytes_.get())};
  }

 private:
  static constexpr size_t kNumberBytesMax = 10;  // A varint of 64 bits.

  const std::unique_ptr<uint8_t[]> bytes_;
  uint8_t* end_;
};

// The bitmap of the rows that have `field`; nothing if all have it.
std::string PresenceOf(const UsageBatch& batch, NumberField field) {
  std::string bitmap((batch.size() + 7) / 8, '\0');
  size_t count = 0;
  for (size_t row = 0; row < batch.size(); ++row) {
    if (!batch.has(row, field)) continue;
    bitmap[row / 8] = static_cast<char>(bitmap[row / 8] | 1 << row % 8);
    ++count;
  }
  return count == batch.size() ? std::string() : bitmap;
}

// Bytes of a v1.NumberColumn.
std::string NumberColumn(const UsageBatch& batch, uint32_t number, const EventField& rule) {
  const NumberField field = rule.number_field();
  PackedList list(batch.size());
  const auto for_each = [&](const auto& write) {
    for (size_t row = 0; row < batch.size(); ++row) {
      if (batch.has(row, field)) write(batch.number(row, field));
    }
  };
  int list_field = v1::NumberColumn::kVarintsFieldNumber;
  if (field == NumberField::kTimeUnixNano) {
    list_field = v1::NumberColumn::kDeltasFieldNumber;
    uint64_t previous = 0;
    for_each([&](uint64_t time) {
      const uint64_t delta = time - std::exchange(previous, time);
      list.AddVarint(delta << 1 ^ (0 - (delta >> 63)));  // Zigzag.
    });
  } else if (rule.wire_type == WireType::kFixed64) {
    list_field = v1::NumberColumn::kFixedFieldNumber;
    for_each([&](uint64_t value) { list.AddFixed64(value); });
  } else {
    for_each([&](uint64_t value) { list.AddVarint(value); });
  }
  std::string out;
  out.reserve(list.bytes().size() + batch.size() / 8 + 32);
  WireWriter writer(out);
  writer.WriteNumber(v1::NumberColumn::kFieldFieldNumber, number);
  if (const std::string presence = PresenceOf(batch, field); !presence.empty()) {
    writer.WriteBytes(v1::NumberColumn::kPresenceFieldNumber, presence);
  }
  writer.WriteBytes(list_field, list.bytes());
  return out;
}

// Bytes of a v1.TextColumn.
template <typename Values>
std::string TextColumnOf(uint32_t number, const Values& values, std::span<const uint32_t> codes) {
  std::string out;
  WireWriter writer(out);
  writer.WriteNumber(v1::TextColumn::kFieldFieldNumber, number);
  for (const std::string_view value : values) writer.WriteBytes(v1::TextColumn::kValuesFieldNumber, value);
  if (codes.empty()) return out;
  PackedList list(codes.size());
  for (const uint32_t code : codes) list.AddVarint(code);
  writer.WriteBytes(v1::TextColumn::kCodesFieldNumber, list.bytes());
  return out;
}

}  // namespace

bool ColumnsWriter::HasRoomFor(const Event& event) const {
  return !event.has_content_digest() || digest_version_ == 0 || digest_version_ == event.content_digest().version();
}

void ColumnsWriter::Add(const Event& event) {
  const size_t row = batch_.AddRow();
  AddNames(event, row);
  AddNumbers(event, row);
  AddTexts(event, row);
  if (event.has_content_digest()) AddDigest(event, row);
}

std::string_view ColumnsWriter::Keep(std::string_view name) {
  char* copy = static_cast<char*>(names_.allocate(name.size(), 1));
  name.copy(copy, name.size());
  return {copy, name.size()};
}

// Number of the name among the column's values, to which it is added if it is new.
uint32_t ColumnsWriter::CodeOf(TextField field, std::string_view name) {
  // Many a name is that of the event before, which costs less to see than a hash.
  uint32_t& last = last_codes_[static_cast<size_t>(field)];
  if (last != 0 && batch_.column(field).values[last - 1] == name) return last;
  const uint64_t hash = HashName(name);
  last = batch_.FindValue(field, name, hash);
  if (last == 0) last = batch_.AddValue(field, Keep(name), hash);
  return last;
}

void ColumnsWriter::AddNames(const Event& event, size_t row) {
  const auto set = [&](TextField field, const std::string& name) {
    if (!name.empty()) batch_.SetCode(row, field, CodeOf(field, name));
  };
  set(TextField::kEventId, event.event_id());
  set(TextField::kAccountId, event.account_id());
  set(TextField::kOrganizationId, event.organization_id());
  set(TextField::kApiKeyId, event.api_key_id());
  set(TextField::kEndUserId, event.end_user_id());
  set(TextField::kClientAddress, event.client_address());
  set(TextField::kClientCountry, event.client_country());
  set(TextField::kTlsFingerprint, event.tls_fingerprint());
  set(TextField::kUserAgent, event.user_agent());
  set(TextField::kOperationName, event.operation_name());
  set(TextField::kRequestModel, event.request_model());
  set(TextField::kResponseModel, event.response_model());
  set(TextField::kOutputType, event.output_type());
  set(TextField::kConversationId, event.conversation_id());
  set(TextField::kFinishReason, event.finish_reason());
  set(TextField::kErrorType, event.error_type());
}

void ColumnsWriter::AddNumbers(const Event& event, size_t row) {
  const auto set = [&](bool is_present, NumberField field, uint64_t value) {
    if (is_present) batch_.SetNumber(row, field, value);
  };
  set(event.time_unix_nano() != 0, NumberField::kTimeUnixNano, event.time_unix_nano());
  set(event.has_duration_ms(), NumberField::kDurationMs, event.duration_ms());
  set(event.has_time_to_first_token_ms(), NumberField::kTimeToFirstTokenMs, event.time_to_first_token_ms());
  set(event.has_client_asn(), NumberField::kClientAsn, event.client_asn());
  set(event.has_temperature(), NumberField::kTemperature, std::bit_cast<uint64_t>(event.temperature()));
  set(event.has_top_p(), NumberField::kTopP, std::bit_cast<uint64_t>(event.top_p()));
  set(event.has_max_tokens(), NumberField::kMaxTokens, event.max_tokens());
  set(event.has_choice_count(), NumberField::kChoiceCount, event.choice_count());
  set(event.has_seed(), NumberField::kSeed, static_cast<uint64_t>(event.seed()));
  set(event.has_top_logprobs(), NumberField::kTopLogprobs, event.top_logprobs());
  set(event.has_logit_bias_count(), NumberField::kLogitBiasCount, event.logit_bias_count());
  set(event.has_stream(), NumberField::kStream, event.stream() ? 1 : 0);
  set(event.has_tool_count(), NumberField::kToolCount, event.tool_count());
  set(event.has_message_count(), NumberField::kMessageCount, event.message_count());
  set(event.has_input_tokens(), NumberField::kInputTokens, event.input_tokens());
  set(event.has_output_tokens(), NumberField::kOutputTokens, event.output_tokens());
  set(event.has_cache_read_input_tokens(), NumberField::kCacheReadInputTokens, event.cache_read_input_tokens());
  set(event.has_reasoning_tokens(), NumberField::kReasoningTokens, event.reasoning_tokens());
  set(event.has_status_code(), NumberField::kStatusCode, event.status_code());
}

void ColumnsWriter::AddTexts(const Event& event, size_t row) {
  const auto add = [&](uint32_t field, const std::string& text) {
    if (text.empty()) return;
    std::vector<std::string>& texts = texts_[field];
    texts.resize(row);
    texts.push_back(text);
  };
  add(Event::kSystemPromptFieldNumber, event.system_prompt());
  add(Event::kPromptFieldNumber, event.prompt());
  add(Event::kCompletionFieldNumber, event.completion());
}

void ColumnsWriter::AddDigest(const Event& event, size_t row) {
  const v1::ContentDigest& digest = event.content_digest();
  digest_version_ = digest.version();
  const std::array<std::pair<NumberField, uint64_t>, 12> parts = {{
      {NumberField::kSystemHash, digest.system_hash()},
      {NumberField::kPromptHash, digest.prompt_hash()},
      {NumberField::kTemplateHash, digest.template_hash()},
      {NumberField::kSlotHash, digest.slot_hash()},
      {NumberField::kHeadHash, digest.head_hash()},
      {NumberField::kCompletionHash, digest.completion_hash()},
      {NumberField::kPromptSketch, digest.prompt_sketch()},
      {NumberField::kMarkers, digest.markers()},
      {NumberField::kPromptBytes, digest.prompt_bytes()},
      {NumberField::kPromptWords, digest.prompt_words()},
      {NumberField::kSystemBytes, digest.system_bytes()},
      {NumberField::kCompletionBytes, digest.completion_bytes()},
  }};
  for (const auto& [field, value] : parts) {
    if (value != 0) batch_.SetNumber(row, field, value);
  }
}

void ColumnsWriter::WriteNames(std::string& out) const {
  for (uint32_t number = 0; number < kEventFieldCount; ++number) {
    const EventField& rule = kEventFields[number];
    if (rule.kind != FieldKind::kName || batch_.ColumnIsEmpty(rule.text_field())) continue;
    const TextColumn& column = batch_.column(rule.text_field());
    const std::span<const uint32_t> codes = std::span(column.codes).first(std::min(batch_.size(), column.codes.size()));
    // Values are in order of first use: as many as rows, without a gap, are those of the rows.
    const bool are_rows = column.values.size() == codes.size() && std::ranges::find(codes, 0U) == codes.end();
    WireWriter(out).WriteBytes(Columns::kTextsFieldNumber,
                               TextColumnOf(number, column.values, are_rows ? std::span<const uint32_t>() : codes));
  }
}

void ColumnsWriter::WriteNumbers(std::string& out) const {
  const auto write = [&](std::span<const EventField> fields, int list) {
    for (uint32_t number = 0; number < fields.size(); ++number) {
      const EventField& rule = fields[number];
      if (rule.kind != FieldKind::kNumber || batch_.ColumnIsEmpty(rule.number_field())) continue;
      WireWriter(out).WriteBytes(list, NumberColumn(batch_, number, rule));
    }
  };
  write(kEventFields, Columns::kNumbersFieldNumber);
  write(kDigestFields, Columns::kDigestNumbersFieldNumber);
}

void ColumnsWriter::WriteTexts(std::string& out) const {
  for (const auto& [field, texts] : texts_) {
    WireWriter(out).WriteBytes(Columns::kTextsFieldNumber, TextColumnOf(field, texts, {}));
  }
}

std::string ColumnsWriter::Finish() {
  std::string out;
  WireWriter writer(out);
  writer.WriteNumber(Columns::kRowCountFieldNumber, batch_.size());
  if (digest_version_ != 0) writer.WriteNumber(Columns::kDigestVersionFieldNumber, digest_version_);
  WriteNames(out);
  WriteNumbers(out);
  WriteTexts(out);
  batch_ = UsageBatch(batch_.size());
  last_codes_ = {};
  names_.release();
  texts_.clear();
  digest_version_ = 0;
  return out;
}

}  // namespace stillwatch
