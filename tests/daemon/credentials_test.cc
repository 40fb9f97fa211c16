#include "daemon/credentials.h"

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <string>

#include "stillwatch/v1/admin.grpc.pb.h"
#include "tests/http/server_files.h"

namespace stillwatch::daemon {
namespace {

using ::testing::HasSubstr;

// SHA-256 of "secret" and of "other", as sha256sum tells them.
constexpr char kSecretHash[] = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
constexpr char kOtherHash[] = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa";

TEST(TokenVerifierTest, KnowsItsTokensOnly) {
  const Result<TokenVerifier> tokens = TokenVerifier::Parse("# tokens\n\n" + std::string(kSecretHash) +
                                                            " gateway of the east\n  " + kOtherHash + "\r\n");
  ASSERT_TRUE(tokens.ok()) << tokens.status().message();
  EXPECT_TRUE(tokens.value().IsKnown("secret"));
  EXPECT_TRUE(tokens.value().IsKnown("other"));
  for (const char* token : {"", "Secret", "secre", "secret ", kSecretHash}) {
    EXPECT_FALSE(tokens.value().IsKnown(token)) << token;
  }
}

TEST(TokenVerifierTest, DigitsMayBeUpperCase) {
  std::string hash = kSecretHash;
  for (char& c : hash) c = static_cast<char>(std::toupper(c));
  const Result<TokenVerifier> tokens = TokenVerifier::Parse(hash);
  ASSERT_TRUE(tokens.ok());
  EXPECT_TRUE(tokens.value().IsKnown("secret"));
}

TEST(TokenVerifierTest, WrongLineIsNamed) {
  const std::string good = std::string(kSecretHash) + "\n";
  std::string signed_hash = kSecretHash;
  signed_hash[0] = '-';
  for (const std::string& bad : {std::string("secret"), std::string(kSecretHash, 63), std::string(kSecretHash) + "0",
                                 std::string(kSecretHash, 63) + "g", signed_hash}) {
    const Status status = TokenVerifier::Parse(good + "# comment\n" + bad + "\n" + good).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << bad;
    EXPECT_THAT(status.message(), HasSubstr("line 3:"));
  }
}

TEST(TokenVerifierTest, FileWithoutATokenIsRefused) {
  EXPECT_EQ(TokenVerifier::Parse("").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(TokenVerifier::Parse("# none yet\n").status().code(), Code::kInvalidArgument);
}

TEST(TokenVerifierTest, FileIsNamedInErrors) {
  const cli::TemporaryDirectory directory;
  EXPECT_TRUE(TokenVerifier::Load(directory.Write("good", kSecretHash)).ok());
  for (const std::string& path :
       {directory.Path("missing"), directory.Write("empty", ""), directory.Write("bad", "x")}) {
    const Status status = TokenVerifier::Load(path).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << path;
    EXPECT_THAT(status.message(), HasSubstr(path));
  }
}

constexpr const char* kLoopback[] = {"127.0.0.1:7443", "127.8.9.10:0", "localhost:1", "[::1]:7443"};
constexpr const char* kBeyond[] = {
    "0.0.0.0:7443",      "10.0.0.1:7443",          "[::]:7443", ":7443",          "gateway:7443",
    "127.0.0.1.com:443", "[::ffff:10.0.0.1]:7443", "127.1:1",   "localhost.com:1"};

Code ExposureOf(const char* address, Transport transport, Authentication authentication) {
  return CheckExposure(address, transport, authentication).code();
}

TEST(ExposureTest, LoopbackNeedsNoProtection) {
  for (const char* address : kLoopback) {
    EXPECT_EQ(ExposureOf(address, Transport::kPlaintext, Authentication::kNone), Code::kOk) << address;
    EXPECT_EQ(ExposureOf(address, Transport::kTls, Authentication::kNone), Code::kOk) << address;
    EXPECT_EQ(ExposureOf(address, Transport::kTls, Authentication::kTokens), Code::kOk) << address;
  }
}

TEST(ExposureTest, BeyondTheLoopbackTakesTlsAndTokens) {
  for (const char* address : kBeyond) {
    EXPECT_EQ(ExposureOf(address, Transport::kPlaintext, Authentication::kNone), Code::kInvalidArgument) << address;
    EXPECT_EQ(ExposureOf(address, Transport::kTls, Authentication::kNone), Code::kInvalidArgument) << address;
    EXPECT_EQ(ExposureOf(address, Transport::kTls, Authentication::kTokens), Code::kOk) << address;
  }
  EXPECT_THAT(CheckExposure("0.0.0.0:1", Transport::kPlaintext, Authentication::kNone).message(),
              ::testing::AllOf(HasSubstr("--tls-cert"), HasSubstr("--tls-key"), HasSubstr("--token-file")));
}

TEST(ExposureTest, TokensAreNeverTakenInTheClear) {
  for (const char* address : {kLoopback[0], kBeyond[0]}) {
    EXPECT_EQ(ExposureOf(address, Transport::kPlaintext, Authentication::kTokens), Code::kInvalidArgument) << address;
  }
}

TEST(ExposureTest, AddressWithoutPortIsRefused) {
  EXPECT_EQ(ExposureOf("127.0.0.1", Transport::kPlaintext, Authentication::kNone), Code::kInvalidArgument);
}

TEST(ExposureTest, SyslogBeyondTheLoopbackIsToBeAllowed) {
  EXPECT_TRUE(CheckSyslogExposure("127.0.0.1:5140", SyslogExposure::kLoopbackOnly).ok());
  EXPECT_TRUE(CheckSyslogExposure("[::1]:0", SyslogExposure::kLoopbackOnly).ok());
  for (const char* address : {"0.0.0.0:5140", ":5140", "192.0.2.1:5140"}) {
    EXPECT_EQ(CheckSyslogExposure(address, SyslogExposure::kLoopbackOnly).code(), Code::kInvalidArgument) << address;
    EXPECT_TRUE(CheckSyslogExposure(address, SyslogExposure::kAnyone).ok()) << address;
  }
  EXPECT_EQ(CheckSyslogExposure("5140", SyslogExposure::kAnyone).code(), Code::kInvalidArgument);
}

TEST(ServerCredentialsTest, UnusableFilesAreNamed) {
  const ServerFiles files;
  const ServerFiles others;
  const std::string missing = files.directory().Path("missing");
  const auto failure = [](const http::TlsFiles& tls) { return MakeServerCredentials(tls, nullptr).status(); };
  for (const auto& [tls, named] : {
           std::pair(http::TlsFiles{missing, files.paths().private_key}, missing),
           std::pair(http::TlsFiles{files.paths().certificate_chain, missing}, missing),
           std::pair(http::TlsFiles{files.paths().private_key, files.paths().private_key}, files.paths().private_key),
           std::pair(http::TlsFiles{files.paths().certificate_chain, others.paths().private_key},
                     others.paths().private_key),
       }) {
    EXPECT_EQ(failure(tls).code(), Code::kInvalidArgument);
    EXPECT_THAT(failure(tls).message(), HasSubstr(named));
  }
}

class VersionService final : public v1::AdminService::Service {
  grpc::Status GetVersion(grpc::ServerContext* context, const v1::GetVersionRequest*,
                          v1::GetVersionResponse*) override {
    EXPECT_FALSE(context->client_metadata().contains("authorization")) << "services see no tokens";
    return grpc::Status::OK;
  }
};

// A server with the credentials under test, and clients that call it.
class CredentialsRoundTrip : public ::testing::Test {
 protected:
  void Start(const std::optional<http::TlsFiles>& tls, std::shared_ptr<const TokenVerifier> tokens) {
    Result<std::shared_ptr<grpc::ServerCredentials>> credentials = MakeServerCredentials(tls, std::move(tokens));
    ASSERT_TRUE(credentials.ok()) << credentials.status().message();
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", credentials.value(), &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }

  static std::shared_ptr<const TokenVerifier> MakeTokens() {
    return std::make_shared<const TokenVerifier>(TokenVerifier::Parse(kSecretHash).value());
  }

  grpc::StatusCode Call(const std::shared_ptr<grpc::ChannelCredentials>& credentials, const std::string& header = "") {
    const auto channel = grpc::CreateChannel("ipv4:127.0.0.1:" + std::to_string(port_), credentials);
    const auto stub = v1::AdminService::NewStub(channel);
    grpc::ClientContext context;
    if (!header.empty()) context.AddMetadata("authorization", header);
    v1::GetVersionResponse response;
    return stub->GetVersion(&context, {}, &response).error_code();
  }

  std::shared_ptr<grpc::ChannelCredentials> TlsClient() const {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = files_.certificate_pem();
    return grpc::SslCredentials(options);
  }

  const ServerFiles files_;
  VersionService service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(CredentialsRoundTrip, KnownTokenPasses) {
  Start(files_.paths(), MakeTokens());
  EXPECT_EQ(Call(TlsClient(), "Bearer secret"), grpc::StatusCode::OK);
  EXPECT_EQ(Call(grpc::CompositeChannelCredentials(TlsClient(), grpc::AccessTokenCredentials("secret"))),
            grpc::StatusCode::OK);
}

TEST_F(CredentialsRoundTrip, WrongOrMissingTokenIsUnauthenticated) {
  Start(files_.paths(), MakeTokens());
  for (const char* header : {"", "Bearer wrong", "Bearer ", "secret", "Basic secret", kSecretHash}) {
    EXPECT_EQ(Call(TlsClient(), header), grpc::StatusCode::UNAUTHENTICATED) << header;
  }
}

TEST_F(CredentialsRoundTrip, TlsWithoutTokensTakesEveryClient) {
  Start(files_.paths(), nullptr);
  EXPECT_EQ(Call(TlsClient()), grpc::StatusCode::OK);
}

TEST_F(CredentialsRoundTrip, TlsRefusesPlaintext) {
  Start(files_.paths(), nullptr);
  EXPECT_EQ(Call(grpc::InsecureChannelCredentials()), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(CredentialsRoundTrip, PlaintextWorksWithoutFiles) {
  Start(std::nullopt, nullptr);
  EXPECT_EQ(Call(grpc::InsecureChannelCredentials()), grpc::StatusCode::OK);
}

}  // namespace
}  // namespace stillwatch::daemon
