#include "gateways/json_ingest.h"

#include <grpcpp/support/slice.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "gateways/access_log_intake.h"
#include "gateways/access_log_line.h"
#include "gateways/content_id.h"
#include "gateways/json_answer.h"
#include "gateways/json_body.h"
#include "gateways/json_record.h"
#include "proto/usage_json.h"
#include "stillwatch/v1/ingest.pb.h"

namespace stillwatch::gateways {
namespace {

using simdjson::dom::object;

// Messages of one batch, so that a body of many does not hold up the acknowledgement of others.
constexpr uint32_t kBatchCallCountMax = 4000;

void FillLiteLlm(const object& message, std::string_view /*text*/, Record& record) { FillFromLiteLlm(message, record); }

void FillAccessLog(const object& message, std::string_view text, Record& record) {
  AccessLogLineReader::Fill(message, text, std::nullopt, record);
}

bool IsOwnEvent(const object& message) {
  const auto has = [&message](std::string_view key) { return message[key].error() == simdjson::SUCCESS; };
  return (has("account_id") || has("accountId")) && (has("time_unix_nano") || has("timeUnixNano"));
}

}  // namespace

std::string SourceNameOf(const http::Request& request) {
  std::string source = request.query_value("source");
  return source.empty() ? request.peer.substr(0, request.peer.rfind(':')) : source;
}

// Takes the messages of one body.
class JsonIngest::Body {
 public:
  Body(const JsonIngest& ingest, const http::Request& request, const http::Responder& responder,
       std::string_view listener, Fill fill)
      : ingest_(ingest),
        resources_(ingest.resources_),
        listener_(listener),
        source_name_(SourceNameOf(request)),
        fill_(fill),
        takes_own_events_(listener == "access_log"),
        responder_(responder),
        answer_(std::make_shared<JsonAnswer>(responder)) {}

  void Take(std::string_view body) {
    const TakeJson take = [this](uint32_t line, const object& message, std::string_view text) {
      if (takes_own_events_ && IsOwnEvent(message)) {
        AddEvent(line, text);
      } else {
        AddRecord(line, message, text);
      }
    };
    const RefuseJson refuse = [this](uint32_t line, const std::string& reason) {
      Refuse(line, ingest::RejectReason::kBadEncoding, reason);
    };
    const Status status = ForEachJson(body, take, refuse);
    if (!status.ok()) responder_.Respond(http::TextResponse(400, status.message() + "\n"));
    SubmitRecords();
    SubmitEvents();
  }

 private:
  void Refuse(uint32_t line, ingest::RejectReason reason, std::string_view message) {
    answer_->AddRejection(line, reason, message);
    CountUnreadable(reason, 1, resources_, *resources_.sources.Note(listener_, source_name_));
  }

  void AddRecord(uint32_t line, const object& message, std::string_view text) {
    if (request_ == nullptr) {
      const RecordMapper& mapper = *ingest_.catalog_.mapper(listener_);
      request_ = std::make_unique<IntakeRequest>(resources_, mapper, std::string(listener_), 0);
    }
    EventBuilder& builder = request_->BuilderOf(source_name_);
    fill_(message, text, record_);
    if (builder.Add(record_, {}) != EventBuilder::Outcome::kIgnored) record_lines_.push_back(line);
    if (record_lines_.size() >= kBatchCallCountMax) SubmitRecords();
  }

  void SubmitRecords() {
    if (request_ == nullptr) return;
    answer_->ExpectPart();
    auto done = [answer = answer_, lines = std::exchange(record_lines_, {})](const IntakeReport& report) {
      for (const ingest::Rejection& rejection : report.rejections) {
        answer->AddRejection(lines[rejection.index], rejection.reason, rejection.message);
      }
      answer->AddIgnored(report.ignored_count);
      if (report.status.ok()) answer->PartIsDurable(report.accepted_count, report.duplicate_count);
    };
    std::move(*request_).Submit(std::move(done));
    request_.reset();
  }

  // An event of our own goes the way of those that come over gRPC, so that both are read by the same rules.
  void AddEvent(uint32_t line, std::string_view text) {
    v1::UsageEvent& event = *events_.add_events();
    uint64_t unknown_field_count = 0;
    const Status status = json_decoder_.Decode(text, event, unknown_field_count);
    if (!status.ok()) {
      events_.mutable_events()->RemoveLast();
      return Refuse(line, ingest::RejectReason::kBadEncoding, status.message());
    }
    if (event.event_id().empty()) event.set_event_id(ContentId().Add(text).Finish());
    event_lines_.push_back(line);
    if (event_lines_.size() >= kBatchCallCountMax) SubmitEvents();
  }

  void SubmitEvents() {
    if (event_lines_.empty()) return;
    const grpc::Slice slice(events_.SerializeAsString());
    events_.Clear();
    const std::vector<uint32_t> lines = std::exchange(event_lines_, {});
    Result<ingest::DecodedBatch> batch = ingest_.decoder_.Decode(grpc::ByteBuffer(&slice, 1), source_name_);
    if (!batch.ok()) {
      for (const uint32_t line : lines) Refuse(line, ingest::RejectReason::kTooLong, batch.status().message());
      return;
    }
    for (const ingest::Rejection& rejection : batch->rejections) {
      Refuse(lines[rejection.index], rejection.reason, rejection.message);
    }
    const size_t count = batch->submitted.events->size();
    if (count == 0) return;
    const std::shared_ptr<ingest::Source> source = resources_.sources.Note(listener_, source_name_);
    source->received += count;
    resources_.counters.received_event_count += count;
    answer_->ExpectPart();
    resources_.admission.Acquire(slice.size());
    // Whoever drops the batch unheard, as the pipeline does when it stops, gives the room back as well.
    const std::shared_ptr<void> room(
        nullptr, [&resources = resources_, bytes = slice.size()](void*) { resources.admission.Release(bytes); });
    batch->submitted.on_durable = [answer = answer_, source, room](uint32_t accepted, uint32_t duplicate) {
      source->accepted += accepted;
      source->duplicate += duplicate;
      answer->PartIsDurable(accepted, duplicate);
    };
    resources_.pipeline.Submit(std::move(batch->submitted));
  }

  const JsonIngest& ingest_;
  const IntakeResources& resources_;
  const std::string_view listener_;
  const std::string source_name_;
  const Fill fill_;
  const bool takes_own_events_;
  const http::Responder responder_;
  const std::shared_ptr<JsonAnswer> answer_;

  std::unique_ptr<IntakeRequest> request_;
  std::vector<uint32_t> record_lines_;
  Record record_;
  UsageJsonDecoder json_decoder_;
  v1::StreamUsageRequest events_;
  std::vector<uint32_t> event_lines_;
};

void JsonIngest::Take(const http::Request& request, const http::Responder& responder, std::string_view listener,
                      Fill fill) const {
  resources_.counters.received_bytes += request.body.size();
  Body(*this, request, responder, listener, fill).Take(request.body);
}

void JsonIngest::AddRoute(http::Router& router, std::string_view name, std::string_view listener, Fill fill) const {
  http::Route route;
  route.method = http::Method::kPost;
  route.path = "/v1/ingest/" + std::string(name);
  route.content_types = {"application/json",  "application/x-ndjson",   "application/ndjson",
                         "application/jsonl", "application/json-lines", "text/plain"};
  route.body_bytes_max = kBodyBytesMax;
  route.has_room = [this] { return resources_.admission.has_room(); };
  route.handle = [this, listener, fill](const http::Request& request, const http::Responder& responder) {
    Take(request, responder, listener, fill);
  };
  router.Add(std::move(route));
}

void JsonIngest::AddRoutes(http::Router& router, const IsServed& is_served) const {
  if (is_served("litellm")) AddRoute(router, "litellm", "litellm", FillLiteLlm);
  if (is_served("kong")) AddRoute(router, "kong", "kong", FillFromKong);
  if (is_served("ndjson")) AddRoute(router, "ndjson", "access_log", FillAccessLog);
}

void JsonIngest::RegisterReaders(ListenerCatalog& catalog) {
  catalog.Register("litellm", ReaderOfJson(FillLiteLlm));
  catalog.Register("kong", ReaderOfJson(FillFromKong));
  catalog.Register("access_log", [](std::string_view body, const TakeRecord& take) {
    AccessLogLineReader reader;
    Record record;
    for (size_t begin = 0; begin < body.size();) {
      const size_t end = std::min(body.find('\n', begin), body.size());
      const std::string_view line = body.substr(begin, end - begin);
      begin = end + 1;
      if (line.empty()) continue;
      STILLWATCH_RETURN_IF_ERROR(reader.Read(line, std::nullopt, record));
      take(record, {});
    }
    return Status();
  });
}

}  // namespace stillwatch::gateways
