#include "proto/usage_json.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace stillwatch {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

// How a field of message M is written. The generated accessor's type says which JSON values it takes.
template <typename M>
using Accessor = std::variant<std::string* (M::*)(), void (M::*)(uint32_t), void (M::*)(uint64_t), void (M::*)(int64_t),
                              void (M::*)(double), void (M::*)(bool), v1::ContentDigest* (M::*)()>;

template <typename M>
struct Field {
  std::string_view name;
  Accessor<M> write;
  void (M::*clear)();
};

#define STILLWATCH_MUTABLE(M, name) \
  Field<M> { #name, &M::mutable_##name, &M::clear_##name }
#define STILLWATCH_VALUE(M, name) \
  Field<M> { #name, &M::set_##name, &M::clear_##name }

std::string LowerCamelCase(std::string_view name) {
  std::string camel;
  bool upper = false;
  for (const char c : name) {
    if (c == '_') {
      upper = true;
    } else {
      camel += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      upper = false;
    }
  }
  return camel;
}

// Finds the fields of a message by either name.
template <typename M>
class FieldTable {
 public:
  FieldTable(std::initializer_list<Field<M>> fields) : fields_(fields) {
    for (const Field<M>& field : fields_) {
      Insert(std::string(field.name), field);
      if (const std::string camel = LowerCamelCase(field.name); camel != field.name) Insert(camel, field);
    }
  }

  const Field<M>* Find(std::string_view name) const {
    for (size_t slot = Hash(name);; ++slot) {
      const Entry& entry = entries_[slot % kSlotCount];
      if (entry.field == nullptr || entry.name == name) return entry.field;
    }
  }

 private:
  struct Entry {
    std::string name;
    const Field<M>* field = nullptr;
  };
  static constexpr size_t kSlotCount = 512;  // Some 80 names: one in six slots, so that probes are short.

  // Four characters and the length tell nearly all names of ours apart, and cost less than a look at every byte.
  static size_t Hash(std::string_view name) {
    if (name.empty()) return 0;
    const auto at = [&](size_t index) { return static_cast<size_t>(static_cast<unsigned char>(name[index])); };
    return (((name.size() * 31 + at(0)) * 31 + at(name.size() / 2)) * 31 + at(name.size() / 4)) * 31 +
           at(name.size() - 1);
  }

  void Insert(std::string name, const Field<M>& field) {
    size_t slot = Hash(name);
    while (entries_[slot % kSlotCount].field != nullptr) ++slot;
    entries_[slot % kSlotCount] = Entry{std::move(name), &field};
  }

  const std::vector<Field<M>> fields_;
  std::array<Entry, kSlotCount> entries_;
};

const FieldTable<v1::ContentDigest>& Fields(const v1::ContentDigest&) {
  using M = v1::ContentDigest;
  static const FieldTable<M> table{
      STILLWATCH_VALUE(M, version),         STILLWATCH_VALUE(M, system_hash),  STILLWATCH_VALUE(M, prompt_hash),
      STILLWATCH_VALUE(M, template_hash),   STILLWATCH_VALUE(M, slot_hash),    STILLWATCH_VALUE(M, head_hash),
      STILLWATCH_VALUE(M, prompt_sketch),
      STILLWATCH_VALUE(M, completion_hash), STILLWATCH_VALUE(M, markers),      STILLWATCH_VALUE(M, prompt_bytes),
      STILLWATCH_VALUE(M, prompt_words),    STILLWATCH_VALUE(M, system_bytes), STILLWATCH_VALUE(M, completion_bytes)};
  return table;
}

const FieldTable<v1::UsageEvent>& Fields(const v1::UsageEvent&) {
  using M = v1::UsageEvent;
  static const FieldTable<M> table{
      STILLWATCH_MUTABLE(M, event_id),
      STILLWATCH_MUTABLE(M, account_id),
      STILLWATCH_MUTABLE(M, organization_id),
      STILLWATCH_MUTABLE(M, api_key_id),
      STILLWATCH_MUTABLE(M, end_user_id),
      STILLWATCH_VALUE(M, time_unix_nano),
      STILLWATCH_VALUE(M, duration_ms),
      STILLWATCH_VALUE(M, time_to_first_token_ms),
      STILLWATCH_MUTABLE(M, client_address),
      STILLWATCH_VALUE(M, client_asn),
      STILLWATCH_MUTABLE(M, client_country),
      STILLWATCH_MUTABLE(M, tls_fingerprint),
      STILLWATCH_MUTABLE(M, user_agent),
      STILLWATCH_MUTABLE(M, operation_name),
      STILLWATCH_MUTABLE(M, request_model),
      STILLWATCH_MUTABLE(M, response_model),
      STILLWATCH_VALUE(M, temperature),
      STILLWATCH_VALUE(M, top_p),
      STILLWATCH_VALUE(M, max_tokens),
      STILLWATCH_VALUE(M, choice_count),
      STILLWATCH_VALUE(M, seed),
      STILLWATCH_VALUE(M, top_logprobs),
      STILLWATCH_VALUE(M, logit_bias_count),
      STILLWATCH_VALUE(M, stream),
      STILLWATCH_VALUE(M, tool_count),
      STILLWATCH_MUTABLE(M, output_type),
      STILLWATCH_MUTABLE(M, conversation_id),
      STILLWATCH_VALUE(M, message_count),
      STILLWATCH_VALUE(M, input_tokens),
      STILLWATCH_VALUE(M, output_tokens),
      STILLWATCH_VALUE(M, cache_read_input_tokens),
      STILLWATCH_VALUE(M, reasoning_tokens),
      STILLWATCH_VALUE(M, status_code),
      STILLWATCH_MUTABLE(M, finish_reason),
      STILLWATCH_MUTABLE(M, error_type),
      STILLWATCH_MUTABLE(M, system_prompt),
      STILLWATCH_MUTABLE(M, prompt),
      STILLWATCH_MUTABLE(M, completion),
      STILLWATCH_MUTABLE(M, content_digest),
  };
  return table;
}

const FieldTable<v1::AccountProfile>& Fields(const v1::AccountProfile&) {
  using M = v1::AccountProfile;
  static const FieldTable<M> table{STILLWATCH_MUTABLE(M, account_id),
                                   STILLWATCH_MUTABLE(M, organization_id),
                                   STILLWATCH_MUTABLE(M, plan),
                                   STILLWATCH_MUTABLE(M, payment_fingerprint),
                                   STILLWATCH_MUTABLE(M, email_domain),
                                   STILLWATCH_MUTABLE(M, signup_address),
                                   STILLWATCH_MUTABLE(M, country),
                                   STILLWATCH_VALUE(M, created_time_unix_nano),
                                   STILLWATCH_VALUE(M, suspended_time_unix_nano)};
  return table;
}

const FieldTable<v1::ModelInfo>& Fields(const v1::ModelInfo&) {
  using M = v1::ModelInfo;
  static const FieldTable<M> table{STILLWATCH_MUTABLE(M, model), STILLWATCH_VALUE(M, release_time_unix_nano)};
  return table;
}

#undef STILLWATCH_MUTABLE
#undef STILLWATCH_VALUE

const char* Describe(const element& value) {
  switch (value.type()) {
    case element_type::ARRAY:
      return "an array";
    case element_type::OBJECT:
      return "an object";
    case element_type::STRING:
      return "a string";
    case element_type::BOOL:
      return "a boolean";
    case element_type::NULL_VALUE:
      return "null";
    default:
      return "another number";
  }
}

template <typename Integer>
std::optional<Integer> FromDouble(double value) {
  // The limits are powers of two, hence exact: ldexp(1, digits) is one more than the largest Integer.
  const double end = std::ldexp(1.0, std::numeric_limits<Integer>::digits);
  const double begin = std::is_signed_v<Integer> ? -end : 0.0;
  if (!(value >= begin && value < end) || value != std::trunc(value)) return std::nullopt;
  return static_cast<Integer>(value);
}

// All of `text` as a number, or nothing.
template <typename Number>
std::optional<Number> FromText(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

template <typename Integer>
std::optional<Integer> ReadInteger(const element& value) {
  switch (value.type()) {
    case element_type::INT64: {
      const int64_t number = value.get_int64().value_unsafe();
      return std::in_range<Integer>(number) ? std::optional(static_cast<Integer>(number)) : std::nullopt;
    }
    case element_type::UINT64: {
      const uint64_t number = value.get_uint64().value_unsafe();
      return std::in_range<Integer>(number) ? std::optional(static_cast<Integer>(number)) : std::nullopt;
    }
    case element_type::DOUBLE:
      return FromDouble<Integer>(value.get_double().value_unsafe());
    case element_type::STRING: {
      const std::string_view text = value.get_string().value_unsafe();
      if (const auto integer = FromText<Integer>(text)) return integer;
      const auto number = FromText<double>(text);
      return number ? FromDouble<Integer>(*number) : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

std::optional<double> ReadDouble(const element& value) {
  if (value.type() != element_type::STRING) {
    double number = 0;
    return value.get_double().get(number) == simdjson::SUCCESS ? std::optional(number) : std::nullopt;
  }
  const std::string_view text = value.get_string().value_unsafe();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  // from_chars knows other spellings of these three, which the mapping does not.
  const auto number = FromText<double>(text);
  return number && std::isfinite(*number) ? number : std::nullopt;
}

Status Mismatch(const std::string& expected, const element& value) {
  return Status(Code::kInvalidArgument, "expected " + expected + ", not " + Describe(value));
}

template <typename Integer>
Status IntegerMismatch(const element& value) {
  return Mismatch("an integer from " + std::to_string(std::numeric_limits<Integer>::min()) + " to " +
                      std::to_string(std::numeric_limits<Integer>::max()),
                  value);
}

template <typename M>
Status ReadObject(const simdjson::dom::object& object, M& message, uint64_t& unknown_field_count);

// Writes `value` through one accessor of `message`.
template <typename M>
struct Writer {
  M& message;
  const element& value;
  uint64_t& unknown_field_count;

  Status operator()(std::string* (M::*mutable_text)()) const {
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS) return Mismatch("a string", value);
    (message.*mutable_text)()->assign(text);
    return Status();
  }
  template <typename Integer>
  Status operator()(void (M::*set)(Integer)) const {
    const std::optional<Integer> integer = ReadInteger<Integer>(value);
    if (!integer) return IntegerMismatch<Integer>(value);
    (message.*set)(*integer);
    return Status();
  }
  Status operator()(void (M::*set)(double)) const {
    const std::optional<double> number = ReadDouble(value);
    if (!number) return Mismatch("a number", value);
    (message.*set)(*number);
    return Status();
  }
  Status operator()(void (M::*set)(bool)) const {
    bool flag = false;
    if (value.get_bool().get(flag) != simdjson::SUCCESS) return Mismatch("true or false", value);
    (message.*set)(flag);
    return Status();
  }
  Status operator()(v1::ContentDigest* (M::*mutable_digest)()) const {
    simdjson::dom::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS) return Mismatch("an object", value);
    v1::ContentDigest* digest = (message.*mutable_digest)();
    digest->Clear();
    return ReadObject(object, *digest, unknown_field_count);
  }
};

template <typename M>
Status ReadObject(const simdjson::dom::object& object, M& message, uint64_t& unknown_field_count) {
  const FieldTable<M>& fields = Fields(message);
  for (const auto& [key, value] : object) {
    const Field<M>* field = fields.Find(key);
    if (field == nullptr) {
      ++unknown_field_count;
    } else if (value.is_null()) {
      (message.*field->clear)();
    } else if (Status status = std::visit(Writer<M>{message, value, unknown_field_count}, field->write); !status.ok()) {
      const char* joint = status.message().starts_with("expected ") ? ": " : ".";
      return Status(status.code(), std::string(field->name) + joint + status.message());
    }
  }
  return Status();
}

template <typename M>
Status ReadMessage(Result<simdjson::dom::object> object, M& message, uint64_t& unknown_field_count) {
  message.Clear();
  STILLWATCH_RETURN_IF_ERROR(object.status());
  return ReadObject(*object, message, unknown_field_count);
}

}  // namespace

UsageJsonDecoder::UsageJsonDecoder() : parser_(kJsonLineBytesMax) {}

Status UsageJsonDecoder::Decode(std::string_view line, v1::UsageEvent& event, uint64_t& unknown_field_count) {
  return ReadMessage(Parse(line), event, unknown_field_count);
}

Status UsageJsonDecoder::Decode(std::string_view line, v1::AccountProfile& profile, uint64_t& unknown_field_count) {
  return ReadMessage(Parse(line), profile, unknown_field_count);
}

Status UsageJsonDecoder::Decode(std::string_view line, v1::ModelInfo& model, uint64_t& unknown_field_count) {
  return ReadMessage(Parse(line), model, unknown_field_count);
}

Result<simdjson::dom::object> UsageJsonDecoder::Parse(std::string_view line) {
  if (line.size() > kJsonLineBytesMax) {
    return Status(Code::kInvalidArgument, "the line has more than " + std::to_string(kJsonLineBytesMax) + " bytes");
  }
  if (line.size() > capacity_bytes_ || capacity_bytes_ == 0) {
    constexpr size_t kCapacityBytesMin = 16 << 10;
    const size_t capacity_bytes = std::max(std::bit_ceil(line.size()), kCapacityBytesMin);
    if (parser_.allocate(capacity_bytes, kJsonDepthMax) != simdjson::SUCCESS) {
      return Status(Code::kResourceExhausted, "no memory for a line of this size");
    }
    padded_line_ = std::make_unique<char[]>(capacity_bytes + simdjson::SIMDJSON_PADDING);
    capacity_bytes_ = capacity_bytes;
  }
  std::memcpy(padded_line_.get(), line.data(), line.size());
  element root;
  const auto error = parser_.parse(padded_line_.get(), line.size(), false).get(root);
  if (error != simdjson::SUCCESS) return ParseError(line.size(), error);
  simdjson::dom::object object;
  if (root.get_object().get(object) != simdjson::SUCCESS) {
    return Status(Code::kInvalidArgument, std::string("expected a JSON object, not ") + Describe(root));
  }
  return object;
}

// The parser gives up on a number beyond 64 bits before it tells in which field it stood, so that is looked up here.
Status UsageJsonDecoder::ParseError(size_t size, simdjson::error_code error) {
  if (error == simdjson::NUMBER_ERROR) {
    simdjson::ondemand::parser parser;
    simdjson::ondemand::document document;
    simdjson::ondemand::object object;
    if (parser.iterate(padded_line_.get(), size, capacity_bytes_ + simdjson::SIMDJSON_PADDING).get(document) ==
            simdjson::SUCCESS &&
        document.get_object().get(object) == simdjson::SUCCESS) {
      for (auto field : object) {
        std::string_view key;
        if (field.unescaped_key().get(key) != simdjson::SUCCESS) break;
        simdjson::ondemand::value value = field.value().value_unsafe();
        simdjson::ondemand::json_type type{};
        if (value.type().get(type) != simdjson::SUCCESS) break;
        if (type == simdjson::ondemand::json_type::number && value.get_number().error() != simdjson::SUCCESS) {
          return Status(Code::kInvalidArgument,
                        std::string(key.substr(0, kNameBytesMax)) + ": expected a number within 64 bits");
        }
      }
    }
  }
  return Status(Code::kInvalidArgument, std::string("not valid JSON: ") + simdjson::error_message(error));
}

}  // namespace stillwatch
