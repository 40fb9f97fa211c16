#include "gateways/otlp_answer.h"

#include <google/protobuf/util/json_util.h>
#include <grpcpp/support/slice.h>

#include <string>
#include <utility>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "opentelemetry/proto/collector/logs/v1/logs_service.pb.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"
#include "proto/grpc_status.h"

namespace stillwatch::gateways {
namespace {

using google::protobuf::Message;
using opentelemetry::proto::collector::logs::v1::ExportLogsServiceResponse;
using opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse;

constexpr int kRetrySeconds = 1;

ExportTraceServiceResponse TraceAnswer(const IntakeReport& report) {
  ExportTraceServiceResponse response;
  if (report.rejections.empty()) return response;
  response.mutable_partial_success()->set_rejected_spans(static_cast<int64_t>(report.rejections.size()));
  response.mutable_partial_success()->set_error_message(report.rejection_text());
  return response;
}

ExportLogsServiceResponse LogsAnswer(const IntakeReport& report) {
  ExportLogsServiceResponse response;
  if (report.rejections.empty()) return response;
  response.mutable_partial_success()->set_rejected_log_records(static_cast<int64_t>(report.rejections.size()));
  response.mutable_partial_success()->set_error_message(report.rejection_text());
  return response;
}

google::rpc::Status ErrorOf(const Status& status) {
  google::rpc::Status error;
  error.set_code(static_cast<int>(status.code()));
  error.set_message(status.message());
  if (status.code() == Code::kUnavailable || status.code() == Code::kResourceExhausted) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(kRetrySeconds);
    error.add_details()->PackFrom(retry);
  }
  return error;
}

int HttpStatusOf(Code code) {
  switch (code) {
    case Code::kOk:
      return 200;
    case Code::kInvalidArgument:
      return 400;
    case Code::kUnavailable:
      return 503;
    case Code::kResourceExhausted:
      return 429;
    default:
      return 500;
  }
}

http::Response ToHttp(OtlpEncoding encoding, const Message& message, int status) {
  http::Response response;
  response.status = status;
  if (status == 503 || status == 429) response.headers.emplace_back("Retry-After", std::to_string(kRetrySeconds));
  if (encoding == OtlpEncoding::kProtobuf) {
    response.content_type = "application/x-protobuf";
    response.body = message.SerializeAsString();
    return response;
  }
  response.content_type = "application/json";
  if (!google::protobuf::util::MessageToJsonString(message, &response.body).ok()) response.body = "{}";
  return response;
}

}  // namespace

grpc::ByteBuffer ToGrpcAnswer(OtlpSignal signal, const IntakeReport& report) {
  const std::string bytes =
      signal == OtlpSignal::kTraces ? TraceAnswer(report).SerializeAsString() : LogsAnswer(report).SerializeAsString();
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

grpc::Status ToGrpcError(const Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), status.message(), ErrorOf(status).SerializeAsString()};
}

http::Response ToHttpAnswer(OtlpSignal signal, OtlpEncoding encoding, const IntakeReport& report) {
  if (!report.status.ok()) return ToHttp(encoding, ErrorOf(report.status), HttpStatusOf(report.status.code()));
  if (signal == OtlpSignal::kTraces) return ToHttp(encoding, TraceAnswer(report), 200);
  return ToHttp(encoding, LogsAnswer(report), 200);
}

}  // namespace stillwatch::gateways
