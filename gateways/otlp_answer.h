// What an exporter of OTLP is answered.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include "gateways/intake.h"
#include "gateways/otlp_reader.h"
#include "http/message.h"

namespace stillwatch::gateways {

enum class OtlpEncoding : uint8_t { kProtobuf, kJson };

// The answer to a request that was worked on, in protobuf.
grpc::ByteBuffer ToGrpcAnswer(OtlpSignal signal, const IntakeReport& report);
// An error with google.rpc details: what is worth another try says when.
grpc::Status ToGrpcError(const Status& status);
// Answer or error, over HTTP.
http::Response ToHttpAnswer(OtlpSignal signal, OtlpEncoding encoding, const IntakeReport& report);

}  // namespace stillwatch::gateways
