#include "enforcement/portkey_usage.h"

#include <simdjson.h>

#include <memory>
#include <utility>

#include "proto/limits.h"
#include "proto/name_hash.h"
#include "stillwatch/v1/ingest.pb.h"

namespace stillwatch::enforcement {
namespace {

using simdjson::dom::element;

// An answer is made within this time; a `created` that lies further off is another clock's.
constexpr int64_t kAnswerNanoMax = kNanosecondsPerHour;

std::string TextAt(const element& root, std::string_view pointer) {
  std::string_view text;
  return root.at_pointer(pointer).get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

std::optional<uint64_t> CountAt(const element& root, std::string_view pointer) {
  uint64_t count = 0;
  if (root.at_pointer(pointer).get(count) == simdjson::SUCCESS) return count;
  return std::nullopt;
}

std::optional<double> NumberAt(const element& root, std::string_view pointer) {
  double number = 0;
  if (root.at_pointer(pointer).get(number) == simdjson::SUCCESS) return number;
  return std::nullopt;
}

// Entries of a list, or members of an object.
std::optional<uint32_t> SizeAt(const element& root, std::string_view pointer) {
  element found;
  if (root.at_pointer(pointer).get(found) != simdjson::SUCCESS) return std::nullopt;
  simdjson::dom::array list;
  if (found.get(list) == simdjson::SUCCESS) return static_cast<uint32_t>(list.size());
  simdjson::dom::object object;
  if (found.get(object) == simdjson::SUCCESS) return static_cast<uint32_t>(object.size());
  return std::nullopt;
}

// A text, or the texts of a list of parts.
std::string ContentOf(const element& content) {
  std::string_view text;
  if (content.get(text) == simdjson::SUCCESS) return std::string(text);
  simdjson::dom::array parts;
  std::string joined;
  if (content.get(parts) != simdjson::SUCCESS) return joined;
  for (const element part : parts) joined += TextAt(part, "/text");
  return joined;
}

void FillMessages(const element& root, v1::UsageEvent& event) {
  simdjson::dom::array messages;
  if (root.at_pointer("/request/json/messages").get(messages) != simdjson::SUCCESS) return;
  uint32_t count = 0;
  for (const element message : messages) {
    element content;
    const std::string role = TextAt(message, "/role");
    const bool is_system = role == "system" || role == "developer";
    count += is_system ? 0 : 1;
    if (message.at_pointer("/content").get(content) != simdjson::SUCCESS) continue;
    if (is_system) event.set_system_prompt(ContentOf(content));
    if (role == "user") event.set_prompt(ContentOf(content));
  }
  event.set_message_count(count);
}

void FillRequest(const element& root, v1::UsageEvent& event) {
  event.set_request_model(TextAt(root, "/request/json/model"));
  event.set_end_user_id(TextAt(root, "/request/json/user"));
  const auto number = [&root](const char* pointer) { return NumberAt(root, pointer); };
  const auto count = [&root](const char* pointer) { return CountAt(root, pointer); };
  if (const auto value = number("/request/json/temperature")) event.set_temperature(*value);
  if (const auto value = number("/request/json/top_p")) event.set_top_p(*value);
  auto max_tokens = count("/request/json/max_completion_tokens");
  if (!max_tokens) max_tokens = count("/request/json/max_tokens");
  if (max_tokens && *max_tokens <= UINT32_MAX) event.set_max_tokens(static_cast<uint32_t>(*max_tokens));
  if (const auto value = count("/request/json/n"); value && *value <= UINT32_MAX) {
    event.set_choice_count(static_cast<uint32_t>(*value));
  }
  int64_t seed = 0;
  if (root.at_pointer("/request/json/seed").get(seed) == simdjson::SUCCESS) event.set_seed(seed);
  if (const auto value = count("/request/json/top_logprobs"); value && *value <= UINT32_MAX) {
    event.set_top_logprobs(static_cast<uint32_t>(*value));
  }
  if (const auto size = SizeAt(root, "/request/json/logit_bias")) event.set_logit_bias_count(*size);
  if (const auto size = SizeAt(root, "/request/json/tools")) event.set_tool_count(*size);
  bool is_streaming = false;
  if (root.at_pointer("/request/isStreamingRequest").get(is_streaming) == simdjson::SUCCESS) {
    event.set_stream(is_streaming);
  }
  FillMessages(root, event);
}

void FillAnswer(const element& root, v1::UsageEvent& event) {
  event.set_response_model(TextAt(root, "/response/json/model"));
  event.set_finish_reason(TextAt(root, "/response/json/choices/0/finish_reason"));
  element content;
  if (root.at_pointer("/response/json/choices/0/message/content").get(content) == simdjson::SUCCESS) {
    event.set_completion(ContentOf(content));
  }
  const auto count = [&root](const char* pointer) { return CountAt(root, pointer); };
  if (const auto value = count("/response/json/usage/prompt_tokens")) event.set_input_tokens(*value);
  if (const auto value = count("/response/json/usage/completion_tokens")) event.set_output_tokens(*value);
  if (const auto value = count("/response/json/usage/prompt_tokens_details/cached_tokens")) {
    event.set_cache_read_input_tokens(*value);
  }
  if (const auto value = count("/response/json/usage/completion_tokens_details/reasoning_tokens")) {
    event.set_reasoning_tokens(*value);
  }
  if (const auto value = count("/response/statusCode"); value && *value < 1000) {
    event.set_status_code(static_cast<uint32_t>(*value));
  }
}

// The answer's own time, in whole seconds, if that can be; else now.
int64_t TimeOf(const element& root, int64_t now_unix_nano) {
  const std::optional<uint64_t> created = CountAt(root, "/response/json/created");
  if (!created || *created > static_cast<uint64_t>(now_unix_nano / kNanosecondsPerSecond)) return now_unix_nano;
  const int64_t time = static_cast<int64_t>(*created) * kNanosecondsPerSecond;
  return now_unix_nano - time <= kAnswerNanoMax ? time : now_unix_nano;
}

std::string EventIdOf(const element& root, std::string_view body, int64_t now_unix_nano) {
  const std::string id = TextAt(root, "/response/json/id");
  if (!id.empty() && id.size() + 8 <= kEventIdBytesMax) return "portkey/" + id;
  return "portkey/" + std::to_string(HashName(body)) + "/" + std::to_string(now_unix_nano);
}

std::string OperationOf(const element& root) {
  const std::string type = TextAt(root, "/requestType");
  if (type == "chatComplete") return "chat";
  if (type == "complete") return "text_completion";
  return type == "embed" ? "embeddings" : std::string();
}

}  // namespace

std::optional<v1::UsageEvent> PortkeyUsage(std::string_view body, std::string_view account_id, int64_t now_unix_nano) {
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(simdjson::padded_string(body)).get(root) != simdjson::SUCCESS || !root.is_object()) return {};
  if (TextAt(root, "/eventType") == "beforeRequestHook" || !CountAt(root, "/response/statusCode")) return {};
  v1::UsageEvent event;
  event.set_event_id(EventIdOf(root, body, now_unix_nano));
  event.set_account_id(std::string(account_id));
  event.set_time_unix_nano(static_cast<uint64_t>(TimeOf(root, now_unix_nano)));
  event.set_operation_name(OperationOf(root));
  FillRequest(root, event);
  FillAnswer(root, event);
  return event;
}

void PortkeyIntake::Take(std::string_view body, std::string_view account_id,
                         std::function<void(const Status&)> done) const {
  std::optional<v1::UsageEvent> event = PortkeyUsage(body, account_id, clock_());
  if (!event) {
    done(Status());
    return;
  }
  v1::StreamUsageRequest request;
  *request.add_events() = *std::move(event);
  const grpc::Slice slice(request.SerializeAsString());
  counters_.received_bytes += body.size();
  Result<ingest::DecodedBatch> batch = decoder_.Decode(grpc::ByteBuffer(&slice, 1), "portkey");
  if (!batch.ok()) {
    done(batch.status());
    return;
  }
  Submit(std::move(batch).value(), body.size(), std::move(done));
}

void PortkeyIntake::Submit(ingest::DecodedBatch batch, size_t bytes, std::function<void(const Status&)> done) const {
  counters_.received_event_count += batch.submitted.events->size() + batch.rejections.size();
  for (const ingest::Rejection& rejection : batch.rejections)
    ++counters_.rejected[static_cast<size_t>(rejection.reason)];
  admission_.Acquire(bytes);
  // Settles also if a pipeline that stops drops the batch.
  const std::shared_ptr<void> release(nullptr, [this, bytes](void*) { admission_.Release(bytes); });
  batch.submitted.on_durable = [release, done = std::move(done)](uint32_t, uint32_t) { done(Status()); };
  pipeline_.Submit(std::move(batch.submitted));
}

}  // namespace stillwatch::enforcement
