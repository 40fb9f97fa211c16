// The way to a daemon.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>
#include <string_view>

#include "proto/result.h"

namespace stillwatch::cli {

enum class Transport { kPlaintext, kTls };

struct ConnectionOptions {
  std::string server = "127.0.0.1:7443";
  Transport transport = Transport::kPlaintext;
  // PEM file of the authorities to trust; empty for those of the system. Only with TLS.
  std::string tls_ca_path;
  // File of the bearer token; empty to take `token`.
  std::string token_path;
  std::string token;
};

// Makes a channel, which connects on first use.
// Errors: kInvalidArgument if a file cannot be read, or if a token would travel without TLS.
Result<std::shared_ptr<grpc::Channel>> MakeChannel(const ConnectionOptions& options);

// The same error as ours.
Status FromGrpc(const grpc::Status& status);

// Name of a code as gRPC writes it: UNAVAILABLE.
std::string_view CodeName(Code code);

}  // namespace stillwatch::cli
