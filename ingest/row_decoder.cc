#include "ingest/row_decoder.h"

#include <array>
#include <utility>

#include "features/prompt_digest.h"
#include "proto/event_fields.h"
#include "proto/limits.h"
#include "proto/wire_reader.h"

namespace stillwatch::ingest {

// A content_digest, field by field; written to the row when all of the event is read, since a text takes precedence.
struct RowDecoder::Digest {
  bool is_present = false;
  uint64_t version = 0;
  std::array<uint64_t, kDigestFieldCount> numbers{};

  // Reads one occurrence; several merge.
  bool Read(std::string_view bytes) {
    is_present = true;
    WireReader reader(bytes);
    uint32_t field = 0;
    WireType type{};
    while (!reader.empty()) {
      if (!reader.ReadTag(field, type)) return false;
      const EventField rule = field < kDigestFieldCount ? kDigestFields[field] : EventField();
      const bool is_version = field == v1::ContentDigest::kVersionFieldNumber && type == WireType::kVarint;
      if (is_version) {
        if (!reader.ReadVarint(version)) return false;
      } else if (rule.kind == FieldKind::kUnknown || rule.wire_type != type) {
        if (!reader.Skip(field, type)) return false;
      } else if (type == WireType::kVarint ? !reader.ReadVarint(numbers[field]) : !reader.ReadFixed64(numbers[field])) {
        return false;
      }
    }
    return true;
  }
};

void RowDecoder::Reject(Invalidity invalidity) {
  if (invalidity_.is_valid()) invalidity_ = std::move(invalidity);
}

void RowDecoder::SetText(TextField field, std::string_view value) {
  if (value.empty()) return batch_.SetCode(row_, field, 0);
  if (field == TextField::kUserAgent) value = CutTo(value, kUserAgentBytesMax);
  const uint64_t hash = HashName(value);
  uint32_t code = batch_.FindValue(field, value, hash);
  if (code == 0) {
    if (Invalidity bad = CheckText(field, value); !bad.is_valid()) return Reject(std::move(bad));
    code = batch_.AddValue(field, value, hash);
  }
  batch_.SetCode(row_, field, code);
}

void RowDecoder::SetNumber(NumberField field, uint64_t value) {
  if (!check_.IsInRange(field, value)) {
    if (Invalidity bad = check_.Explain(field, value); !bad.is_valid()) return Reject(std::move(bad));
  }
  batch_.SetNumber(row_, field, value);
}

void RowDecoder::SetDigest(const Digest& digest) {
  if (!features::IsKnownDigestVersion(digest.version)) return Reject(UnknownDigestVersion(digest.version));
  for (size_t number = 0; number < kDigestFieldCount; ++number) {
    const EventField& rule = kDigestFields[number];
    const uint64_t value = digest.numbers[number] & rule.mask;
    if (value != 0) SetNumber(rule.number_field(), value);
  }
}

bool RowDecoder::ReadField(WireReader& reader, EventTexts& texts, Digest& digest) {
  uint32_t number = 0;
  WireType type{};
  if (!reader.ReadTag(number, type)) return false;
  const EventField rule = number < kEventFieldCount ? kEventFields[number] : EventField();
  if (rule.kind == FieldKind::kUnknown || rule.wire_type != type) return reader.Skip(number, type);
  if (rule.kind == FieldKind::kNumber) {
    uint64_t value = 0;
    if (type == WireType::kVarint ? !reader.ReadVarint(value) : !reader.ReadFixed64(value)) return false;
    if (rule.number_field() == NumberField::kStream) value = value != 0 ? 1 : 0;
    SetNumber(rule.number_field(), value & rule.mask);
    return true;
  }
  std::string_view bytes;
  if (!reader.ReadBytes(bytes)) return false;
  if (rule.kind == FieldKind::kDigest) return digest.Read(bytes);
  if (number == v1::UsageEvent::kSystemPromptFieldNumber) texts.system_prompt = bytes;
  if (number == v1::UsageEvent::kPromptFieldNumber) texts.prompt = bytes;
  if (number == v1::UsageEvent::kCompletionFieldNumber) texts.completion = bytes;
  if (rule.kind == FieldKind::kName) SetText(rule.text_field(), bytes);
  return true;
}

Invalidity RowDecoder::Decode(std::string_view event, EventTexts& texts) {
  row_ = batch_.AddRow();
  invalidity_ = {};
  texts = {};
  Digest digest;
  WireReader reader(event);
  while (!reader.empty() && invalidity_.is_valid()) {
    if (!ReadField(reader, texts, digest)) Reject({RejectReason::kBadEncoding, "the event does not parse"});
  }
  if (invalidity_.is_valid() && batch_.text(row_, TextField::kAccountId).empty()) Reject(MissingField("account_id"));
  if (invalidity_.is_valid() && !batch_.has(row_, NumberField::kTimeUnixNano)) Reject(MissingField("time_unix_nano"));
  if (invalidity_.is_valid() && !texts.empty()) Reject(CheckTexts(texts));
  if (invalidity_.is_valid() && digest.is_present && texts.empty()) SetDigest(digest);
  if (!invalidity_.is_valid()) batch_.RemoveLastRow();
  return std::move(invalidity_);
}

}  // namespace stillwatch::ingest
