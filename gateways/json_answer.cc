#include "gateways/json_answer.h"

#include <algorithm>

#include "proto/json_writer.h"

namespace stillwatch::gateways {

JsonAnswer::~JsonAnswer() {
  http::Response response = http::BusyResponse("the daemon is stopping\n");
  if (open_part_count_ == 0) {
    response = http::TextResponse(200, Body());
    response.content_type = "application/json";
  }
  responder_.Respond(std::move(response));
}

void JsonAnswer::AddRejection(uint32_t line, ingest::RejectReason reason, std::string_view message) {
  const std::lock_guard lock(mutex_);
  ++rejected_count_;
  if (rejections_.size() < kRejectionsToldMax) rejections_.push_back({line, reason, std::string(message)});
}

void JsonAnswer::AddIgnored(uint64_t count) {
  const std::lock_guard lock(mutex_);
  ignored_count_ += count;
}

void JsonAnswer::ExpectPart() {
  const std::lock_guard lock(mutex_);
  ++open_part_count_;
}

void JsonAnswer::PartIsDurable(uint64_t accepted, uint64_t duplicate) {
  const std::lock_guard lock(mutex_);
  --open_part_count_;
  accepted_count_ += accepted;
  duplicate_count_ += duplicate;
}

std::string JsonAnswer::Body() {
  std::ranges::stable_sort(rejections_, {}, &Rejection::line);
  JsonWriter json;
  json.BeginObject();
  json.Name("accepted").Count(accepted_count_).Name("duplicate").Count(duplicate_count_);
  json.Name("ignored").Count(ignored_count_).Name("rejected").Count(rejected_count_);
  json.Name("rejections").BeginList();
  for (const Rejection& rejection : rejections_) {
    json.BeginObject().Name("line").Count(rejection.line);
    json.Name("reason").Text(ingest::RejectReasonName(rejection.reason));
    json.Name("message").Text(rejection.message).EndObject();
  }
  json.EndList().EndObject();
  return json.Take() + "\n";
}

}  // namespace stillwatch::gateways
