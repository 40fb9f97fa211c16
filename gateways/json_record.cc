#include "gateways/json_record.h"

#include <array>
#include <string_view>
#include <utility>

#include "gateways/content_id.h"
#include "gateways/json_fields.h"
#include "gateways/request_path.h"
#include "proto/limits.h"

namespace stillwatch::gateways {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

std::string_view TextAt(const object& members, std::string_view key) {
  std::string_view text;
  return members[key].get_string().get(text) == simdjson::SUCCESS ? text : std::string_view();
}

// Adds an object as it is written, for those who read it whole.
void AddWhole(const object& members, std::string_view name, std::string_view key, Record& record) {
  object value;
  if (members[name].get_object().get(value) == simdjson::SUCCESS) {
    record.Add(key, Value::Json(record.Own(simdjson::minify(value))));
  }
}

// What LiteLLM calls a call of its own library or proxy; the form with "a" before it is the asynchronous one.
std::string_view OperationOfCallType(std::string_view call_type) {
  using Rule = std::pair<std::string_view, std::string_view>;
  constexpr std::array<Rule, 6> kRules = {{{"text_completion", "text_completion"},
                                           {"completion", "chat"},
                                           {"embedding", "embeddings"},
                                           {"anthropic_messages", "chat"},
                                           {"responses", "chat"},
                                           {"generate_content", "generate_content"}}};
  for (const auto& [name, operation] : kRules) {
    if (call_type == name || (call_type.starts_with('a') && call_type.substr(1) == name)) return operation;
  }
  return call_type;
}

// An answer is made within this time; a `created` that lies further off is another clock's.
constexpr int64_t kAnswerNanoMax = kNanosecondsPerHour;

int64_t TimeOfAnswer(const object& answer, int64_t now_unix_nano) {
  uint64_t created = 0;
  if (answer["created"].get(created) != simdjson::SUCCESS) return now_unix_nano;
  if (created > static_cast<uint64_t>(now_unix_nano / kNanosecondsPerSecond)) return now_unix_nano;
  const int64_t time = static_cast<int64_t>(created) * kNanosecondsPerSecond;
  return now_unix_nano - time <= kAnswerNanoMax ? time : now_unix_nano;
}

}  // namespace

void FillFromLiteLlm(const object& payload, Record& record) {
  record.Clear();
  const std::string_view operation = OperationOfCallType(TextAt(payload, "call_type"));
  if (!operation.empty()) record.Add("operation", Value::Text(record.Own(std::string(operation))));
  if (TextAt(payload, "status") == "success") record.Add("status_code", Value::Integer(200));
  AddWhole(payload, "response", "response", record);
  object parameters;
  if (payload["model_parameters"].get_object().get(parameters) == simdjson::SUCCESS) {
    AddWhole(parameters, "logit_bias", "model_parameters.logit_bias", record);
  }
  AddJsonFields(payload, "", record);
}

void FillFromKong(const object& entry, std::string_view entry_text, Record& record) {
  record.Clear();
  record.Add("line_id", Value::Text(record.Own(ContentId().Add(entry_text).Finish())));
  object request;
  if (entry["request"].get_object().get(request) == simdjson::SUCCESS) {
    const std::string_view operation = OperationOfPath(TextAt(request, "uri"));
    if (!operation.empty()) record.Add("operation", Value::Text(operation));
  }
  object plugins;
  if (entry["ai"].get_object().get(plugins) == simdjson::SUCCESS) {
    for (const auto& [name, value] : plugins) {
      object plugin;
      object payload;
      if (value.get_object().get(plugin) != simdjson::SUCCESS) continue;
      AddJsonFields(plugin, "ai", record);
      if (plugin["payload"].get_object().get(payload) != simdjson::SUCCESS) continue;
      AddWhole(payload, "request", "ai.payload.request", record);
      AddWhole(payload, "response", "ai.payload.response", record);
    }
  }
  AddJsonFields(entry, "", record);
}

void FillFromPortkey(const object& body, int64_t now_unix_nano, Record& record) {
  record.Clear();
  int64_t time_unix_nano = now_unix_nano;
  object part;
  if (body["request"].get_object().get(part) == simdjson::SUCCESS) {
    AddWhole(part, "json", "request.json", record);
    object parameters;
    if (part["json"].get_object().get(parameters) == simdjson::SUCCESS) {
      AddWhole(parameters, "logit_bias", "request.json.logit_bias", record);
    }
  }
  if (body["response"].get_object().get(part) == simdjson::SUCCESS) {
    AddWhole(part, "json", "response.json", record);
    object answer;
    if (part["json"].get_object().get(answer) == simdjson::SUCCESS) time_unix_nano = TimeOfAnswer(answer, now_unix_nano);
  }
  record.Add("time_unix_nano", Value::Integer(time_unix_nano));
  AddJsonFields(body, "", record);
}

}  // namespace stillwatch::gateways
