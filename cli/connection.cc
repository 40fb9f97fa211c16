#include "cli/connection.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <array>
#include <fstream>
#include <iterator>
#include <utility>

#include "proto/grpc_status.h"
#include "proto/limits.h"

namespace stillwatch::cli {
namespace {

Result<std::string> ReadWholeFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file || content.empty()) return Status(Code::kInvalidArgument, "cannot read " + path + ", or it is empty");
  return content;
}

Result<std::string> ReadToken(const ConnectionOptions& options) {
  if (options.token_path.empty()) return options.token;
  auto token = ReadWholeFile(options.token_path);
  if (!token.ok()) return token;
  const size_t end = token->find_last_not_of(" \t\r\n");
  if (end == std::string::npos) return Status(Code::kInvalidArgument, options.token_path + " holds no token");
  return token->substr(0, end + 1);
}

Result<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(const ConnectionOptions& options) {
  auto token = ReadToken(options);
  if (!token.ok()) return token.status();
  if (options.transport == Transport::kPlaintext) {
    if (!token->empty()) {
      return Status(Code::kInvalidArgument, "a token is only sent over TLS: add --tls or --tls-ca FILE");
    }
    return grpc::InsecureChannelCredentials();
  }
  grpc::SslCredentialsOptions tls;
  if (!options.tls_ca_path.empty()) {
    auto authorities = ReadWholeFile(options.tls_ca_path);
    if (!authorities.ok()) return authorities.status();
    tls.pem_root_certs = *authorities;
  }
  auto credentials = grpc::SslCredentials(tls);
  if (token->empty()) return credentials;
  return grpc::CompositeChannelCredentials(credentials, grpc::AccessTokenCredentials(*token));
}

}  // namespace

Result<std::shared_ptr<grpc::Channel>> MakeChannel(const ConnectionOptions& options) {
  auto credentials = MakeCredentials(options);
  if (!credentials.ok()) return credentials.status();
  if (*credentials == nullptr) return Status(Code::kInvalidArgument, "the TLS settings cannot be used");
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetUserAgentPrefix("stillwatch");
  // A daemon that restarts is away for a second or two; gRPC's own back-off would grow to two minutes.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  return grpc::CreateCustomChannel(options.server, *credentials, arguments);
}

Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return Status();
  return Status(static_cast<Code>(status.error_code()), status.error_message());
}

std::string_view CodeName(Code code) {
  constexpr std::array<std::string_view, 17> kNames = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  const auto index = static_cast<size_t>(code);
  return index < kNames.size() ? kNames[index] : "UNKNOWN";
}

}  // namespace stillwatch::cli
