#include "daemon/daemon.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/server_builder.h>
#include <spdlog/spdlog.h>

#include <boost/asio/executor_work_guard.hpp>
#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <random>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>

#include "daemon/machine_memory.h"
#include "enforcement/decision_routes.h"
#include "proto/limits.h"
#include "query/metrics.h"
#include "query/probe_routes.h"
#include "query/version.h"
#include "storage/rocksdb_store.h"

namespace stillwatch::daemon {
namespace {

// Received and not yet acknowledged, over all streams: enough to keep a disk busy, far below what a machine has.
constexpr size_t kInFlightBytesMax = 512u << 20;
// Calls that are still open this long after the drain are cut.
constexpr auto kGraceForOpenCalls = std::chrono::seconds(2);
constexpr auto kGatewayWatchPause = std::chrono::seconds(15);
// A decision that ran out is not told any more after this.
constexpr auto kSweepTime = std::chrono::seconds(1);
// gRPC's threads that answer, and those to which it hands what two of them want to write at once.
constexpr std::array<std::string_view, 2> kGrpcThreadNames = {"nexting_thread", "default-executo"};

int64_t Now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

size_t WorkerCount(const Options& options) {
  if (options.worker_threads > 0) return options.worker_threads;
  // The committer and the applier keep a core busy between them.
  return std::max(2U, std::thread::hardware_concurrency()) - 1;
}

detector::EngineOptions EngineOptionsOf(const Options& options) {
  detector::EngineOptions out;
  out.allowed_lateness_nano = options.allowed_lateness_seconds * kNanosecondsPerSecond;
  const uint64_t budget = options.memory_budget > 0 ? options.memory_budget : MachineMemoryBytes() / 2;
  out.state_bytes_max = budget / 4 * 3;
  return out;
}

ingest::PipelineOptions PipelineOptionsOf(const Options& options) {
  constexpr uint32_t kHoursPerDay = 24;
  ingest::PipelineOptions out;
  out.commit_delay_nano = options.commit_delay_ms * (kNanosecondsPerSecond / 1000);
  out.duplicates.horizon_days = (options.idempotency_hours + kHoursPerDay - 1) / kHoursPerDay;
  return out;
}

enforcement::PolicyOptions PolicyOptionsOf(const Options& options) {
  return {options.enforce, options.enforce_verdict, options.decision_minutes * kNanosecondsPerMinute};
}

// The host of HOST:PORT, to which the port that was bound is added again.
std::string WithPort(const std::string& address, int port) {
  return address.substr(0, address.rfind(':')) + ":" + std::to_string(port);
}

}  // namespace

Daemon::Daemon(const Options& options)
    : options_(options),
      signals_(io_, SIGINT, SIGTERM),
      workers_(WorkerCount(options)),
      answer_priority_(options.realtime_answers, {kGrpcThreadNames.begin(), kGrpcThreadNames.end()}),
      sweep_timer_(io_),
      admission_(kInFlightBytesMax, ingest_counters_.in_flight_bytes),
      sources_(Now),
      gateway_watch_(io_) {}

Daemon::~Daemon() { Drain(); }

Result<std::unique_ptr<Daemon>> Daemon::Start(const Options& options) {
  std::unique_ptr<Daemon> daemon(new Daemon(options));
  if (!options.tls_cert.empty()) daemon->tls_ = http::TlsFiles{options.tls_cert, options.tls_key};
  if (!options.token_file.empty()) {
    Result<TokenVerifier> tokens = TokenVerifier::Load(options.token_file);
    if (!tokens.ok()) return tokens.status();
    daemon->tokens_ = std::make_shared<const TokenVerifier>(std::move(tokens).value());
  }
  const Transport transport = daemon->tls_ ? Transport::kTls : Transport::kPlaintext;
  const Authentication authentication = daemon->tokens_ ? Authentication::kTokens : Authentication::kNone;
  for (const auto& [flag, addresses] : {std::pair("--grpc-address: ", options.grpc_addresses),
                                        std::pair("--ingest-address: ", options.ingest_addresses),
                                        std::pair("--http-address: ", options.http_addresses)}) {
    for (const std::string& address : addresses) {
      const Status exposure = CheckExposure(address, transport, authentication);
      if (!exposure.ok()) return Status(exposure.code(), flag + exposure.message());
    }
  }
  STILLWATCH_RETURN_IF_ERROR(daemon->OpenStore());
  STILLWATCH_RETURN_IF_ERROR(daemon->StartPipeline());
  STILLWATCH_RETURN_IF_ERROR(daemon->StartEnforcement());
  daemon->StartAudits();
  daemon->StartUpkeep();
  STILLWATCH_RETURN_IF_ERROR(daemon->StartGateways());
  STILLWATCH_RETURN_IF_ERROR(daemon->StartAccessLogs());
  STILLWATCH_RETURN_IF_ERROR(daemon->StartGrpc());
  STILLWATCH_RETURN_IF_ERROR(daemon->StartHttp());
  daemon->health_.SetServing();
  daemon->heavy_ingest_health_.SetServing();
  return daemon;
}

Status Daemon::OpenStore() {
  std::error_code error;
  std::filesystem::create_directories(options_.data_dir, error);
  if (error) return Status(Code::kInvalidArgument, "--data-dir " + options_.data_dir + ": " + error.message());
  Result<std::unique_ptr<storage::KeyValueStore>> store =
      storage::OpenRocksDbStore((std::filesystem::path(options_.data_dir) / "store").string());
  if (!store.ok()) return store.status();
  store_ = std::move(store).value();
  store_->damages().OnDamage([](const std::string& place, const std::string& reason) {
    spdlog::error("damaged and skipped: {}: {}; stillwatchd --verify looks for more", place, reason);
  });
  return Status();
}

Status Daemon::StartPipeline() {
  features::DigestKey key = features::DigestKey::BuiltIn();
  if (options_.digest_key_file.empty()) {
    spdlog::warn("prompts are hashed with the built-in key; --digest-key-file makes one of this deployment's own");
  } else {
    const Result<features::DigestKey> read = features::DigestKey::FromFile(options_.digest_key_file);
    if (!read.ok()) return Status(Code::kInvalidArgument, "--digest-key-file " + read.status().message());
    key = read.value();
  }
  Result<std::unique_ptr<features::PhraseEngine>> phrases =
      features::PhraseEngine::Compile(features::PhraseEngine::BuiltInList());
  if (!phrases.ok()) return phrases.status();
  phrases_ = std::move(phrases).value();
  digester_.emplace(key, *phrases_);
  decoder_.emplace(*digester_, Now);

  engine_.emplace(EngineOptionsOf(options_), ParallelFor());
  enforcer_.emplace(PolicyOptionsOf(options_), *store_, *engine_, Now);
  STILLWATCH_RETURN_IF_ERROR(StartWebhooks());
  engine_->OnVerdictChange([this](const VerdictChange& change) {
    verdicts_.Publish(change);
    enforcer_->OnVerdictChange(change);
  });
  Result<std::unique_ptr<ingest::Pipeline>> pipeline = ingest::Pipeline::Start(*store_, *engine_, PipelineOptionsOf(options_));
  if (!pipeline.ok()) return pipeline.status();
  pipeline_ = std::move(pipeline).value();
  return Status();
}

Status Daemon::StartWebhooks() {
  if (options_.webhook_urls.empty()) return Status();
  enforcement::WebhookOptions webhooks;
  for (const std::string& text : options_.webhook_urls) {
    Result<enforcement::WebhookUrl> url = enforcement::WebhookUrl::Parse(text);
    if (!url.ok()) return Status(url.status().code(), "--webhook-url: " + url.status().message());
    webhooks.urls.push_back(std::move(url).value());
  }
  Result<std::string> secret = enforcement::LoadWebhookSecret(options_.webhook_secret_file);
  if (!secret.ok()) return Status(secret.status().code(), "--webhook-secret-file " + secret.status().message());
  webhooks.secret = std::move(secret).value();
  webhooks.ca_file = options_.webhook_ca_file;
  webhooks.seed = std::random_device()();
  webhooks.clock = Now;
  const Status status = enforcer_->TellByWebhook(*store_, std::move(webhooks));
  return status.code() == Code::kInvalidArgument ? Status(status.code(), "--webhook-ca-file " + status.message()) : status;
}

Status Daemon::StartEnforcement() {
  Result<enforcement::AccountSelector> selector = enforcement::AccountSelector::Parse(options_.authz_account);
  if (!selector.ok()) return Status(Code::kInvalidArgument, "--authz-account " + selector.status().message());
  external_authorization_.emplace(
      std::move(selector).value(),
      [this](std::string_view id) { return Answer(enforcement::Interface::kExternalAuthorization, id); },
      static_cast<enforcement::RefusalStatus>(options_.authz_refusal_status));
  STILLWATCH_RETURN_IF_ERROR(enforcer_->Start(*pipeline_));
  SweepDecisionsLater();
  return Status();
}

void Daemon::SweepDecisionsLater() {
  sweep_timer_.expires_after(kSweepTime);
  sweep_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    workers_.Post([this] { enforcer_->Sweep(); });  // It may write.
    SweepDecisionsLater();
  });
}

detector::ParallelFor Daemon::ParallelFor() {
  return [this](size_t count, const std::function<void(size_t)>& body) { workers_.ParallelFor(count, body); };
}

void Daemon::StartAudits() {
  query::AuditRunnerOptions audit_options;
  audit_options.engine = EngineOptionsOf(options_);
  audit_options.parallel_for = ParallelFor();
  audit_options.directory = std::filesystem::path(options_.data_dir) / "audits";
  audit_options.software_version = query::Version();
  audits_.emplace(*store_, *pipeline_, *engine_, std::move(audit_options), Now);
  if (options_.audit_at_minutes) audits_->ScheduleDaily(io_, *options_.audit_at_minutes);
}

void Daemon::StartUpkeep() {
  const auto erase_reports = [this](const std::string& account_id, const std::stop_token& stop) -> Result<uint64_t> {
    STILLWATCH_RETURN_IF_ERROR(enforcer_->Erase(account_id, stop));
    return audits_->archive().DeleteNaming(account_id, stop);
  };
  eraser_.emplace(*store_, *pipeline_, *engine_, upkeep_mutex_, erase_reports);
  resume_ = std::jthread([this](const std::stop_token& stop) {
    const Status status = eraser_->Resume(stop);
    if (!status.ok()) spdlog::warn("an erasure is not finished: {}", status.message());
  });
  if (options_.retention_days > 0) {
    retention_ =
        std::make_unique<ingest::Retention>(*store_, *pipeline_, *engine_, upkeep_mutex_, options_.retention_days);
  }
}

Status Daemon::StartGateways() {
  gateways::MappingTable mapping = gateways::MappingTable::BuiltIn();
  if (!options_.gateway_mapping.empty()) {
    const Status status = mapping.MergeFile(options_.gateway_mapping);
    if (!status.ok()) return Status(status.code(), "--gateway-mapping " + status.message());
  }
  listeners_.emplace(std::move(mapping));
  intake_.emplace(gateways::IntakeResources{*digester_, *pipeline_, admission_, ingest_counters_, sources_, Now,
                                            [this] { return engine_->counters().watermark_unix_nano; },
                                            [this](std::function<void()> task) { TakeIn(std::move(task)); }});
  otlp_.emplace(*intake_, *listeners_);
  portkey_usage_.emplace(*intake_, *listeners_);
  WatchGateways();
  return Status();
}

query::CheckAnswer Daemon::Answer(enforcement::Interface interface, std::string_view account_id) {
  answer_priority_.OnQuestion();
  return enforcer_->Ask(interface, account_id);
}

void Daemon::TakeIn(std::function<void()> task) {
  answer_priority_.OnIntake();
  workers_.Post(std::move(task));
}

// Looks now and then for sources that have gone quiet, and forgets messages that nothing came for.
void Daemon::WatchGateways() {
  gateway_watch_.expires_after(kGatewayWatchPause);
  gateway_watch_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    otlp_->DropOldMessages();
    sources_.ReportChanges([](const ingest::NamedSource& source) {
      if (source.is_quiet) {
        spdlog::warn("source {} of listener {} has gone quiet", source.name, source.listener);
      } else {
        spdlog::info("source {} of listener {} is heard again", source.name, source.listener);
      }
    });
    WatchGateways();
  });
}

Status Daemon::StartAccessLogs() {
  access_logs_.emplace(*intake_, *listeners_, *decoder_);
  const SyslogExposure allowed =
      options_.syslog_beyond_loopback ? SyslogExposure::kAnyone : SyslogExposure::kLoopbackOnly;
  for (const auto& [flag, address, listen] :
       {std::tuple("--syslog-tcp-address: ", options_.syslog_tcp_address, &gateways::AccessLogListeners::ListenTcp),
        std::tuple("--syslog-udp-address: ", options_.syslog_udp_address, &gateways::AccessLogListeners::ListenUdp)}) {
    if (address.empty()) continue;
    Status status = CheckSyslogExposure(address, allowed);
    if (status.ok()) status = ((*access_logs_).*listen)(io_, address);
    if (!status.ok()) return Status(status.code(), flag + status.message());
  }
  for (const std::string& path : options_.follow) {
    const Status status = access_logs_->Follow(io_, *store_, path);
    if (!status.ok()) return Status(status.code(), "--follow " + status.message());
  }
  return Status();
}

Status Daemon::StartGrpc() {
  if (options_.realtime_answers && !answer_priority_.is_granted()) {
    spdlog::info("answers do not go first: that takes CAP_SYS_NICE or a limit of 1 for real-time priorities (RLIMIT_RTPRIO)");
  }
  const ingest::StreamResources resources{
      *decoder_,        *pipeline_, admission_,
      ingest_counters_, sources_,   [this](std::function<void()> task) { TakeIn(std::move(task)); }};
  ingest_service_ = std::make_unique<ingest::IngestService>(resources, *engine_);
  query_service_.emplace(*pipeline_, *engine_, verdicts_, query_workers_,
                         [this](std::string_view id) { return Answer(enforcement::Interface::kCheckAccount, id); });
  label_service_.emplace(*pipeline_, *engine_, *store_, query_workers_, Now);
  admin_service_.emplace(*pipeline_, *engine_, ingest_counters_, sources_, *store_, *eraser_, upkeep_workers_,
                         options_.data_dir);
  audit_service_.emplace(*audits_, query_workers_);
  gateway_service_.emplace(*listeners_, *digester_, Now,
                           [this](std::function<void()> task) { workers_.Post(std::move(task)); });
  decision_service_.emplace(*pipeline_, *store_, enforcer_->book(), query_workers_);

  grpc::EnableDefaultHealthCheckService(false);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  std::vector<grpc::Service*> services = {ingest_service_.get(), &*query_service_,    &*label_service_,
                                          &*admin_service_,      &*audit_service_,    &*decision_service_,
                                          &*external_authorization_, &*gateway_service_, &health_};
  if (options_.Serves("envoy")) services.push_back(&access_logs_->envoy());
  if (options_.Serves("otlp")) services.insert(services.end(), {&otlp_->traces(), &otlp_->logs()});
  auto server = Serve("gRPC", "--grpc-address", options_.grpc_addresses, services, grpc_bound_addresses_);
  if (!server.ok()) return server.status();
  grpc_server_ = std::move(server).value();
  if (options_.ingest_addresses.empty()) return Status();
  heavy_ingest_service_ = std::make_unique<ingest::IngestService>(resources, *engine_);
  std::vector<std::string> bound_addresses;
  auto ingest_server = Serve("ingest", "--ingest-address", options_.ingest_addresses,
                             {heavy_ingest_service_.get(), &heavy_ingest_health_}, bound_addresses);
  if (!ingest_server.ok()) return ingest_server.status();
  ingest_server_ = std::move(ingest_server).value();
  return Status();
}

Result<std::unique_ptr<grpc::Server>> Daemon::Serve(const std::string& what, const std::string& flag,
                                                    const std::vector<std::string>& addresses,
                                                    const std::vector<grpc::Service*>& services,
                                                    std::vector<std::string>& bound_addresses) const {
  Result<std::shared_ptr<grpc::ServerCredentials>> credentials = MakeServerCredentials(tls_, tokens_);
  if (!credentials.ok()) return credentials.status();
  grpc::ServerBuilder builder;
  // A port that is taken must fail, not be shared with whoever took it.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  std::vector<int> ports(addresses.size());
  for (size_t i = 0; i < ports.size(); ++i) {
    builder.AddListeningPort(addresses[i], credentials.value(), &ports[i]);
  }
  builder.SetMaxReceiveMessageSize(static_cast<int>(kMessageBytesMax));
  // Who connects and says nothing goes after ten seconds, not after two minutes.
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
  // A longer look-ahead and larger frames save a tenth of the CPU of heavy streams.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 8 << 20);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, 4 << 20);
  for (grpc::Service* service : services) builder.RegisterService(service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  for (size_t i = 0; i < ports.size(); ++i) {
    // gRPC sets no port where it could not listen, nor any behind that.
    if (ports[i] == 0) return Status(Code::kUnavailable, flag + " " + addresses[i] + ": cannot listen there");
    bound_addresses.push_back(WithPort(addresses[i], ports[i]));
    spdlog::info("{} at {}", what, bound_addresses.back());
  }
  if (server == nullptr) return Status(Code::kUnavailable, "the gRPC server does not start");
  return server;
}

std::string Daemon::MetricsText() const {
  return query::MetricsText(pipeline_->counters(), engine_->counters(), ingest_counters_, sources_.List(),
                            store_->damages().count()) +
         enforcer_->MetricsText();
}

void Daemon::AddGuardrail(http::Router& router) {
  guardrail_.emplace([this](std::string_view id) { return enforcer_->Ask(enforcement::Interface::kGuardrail, id); },
                     [this](const std::string& body) { return portkey_usage_->AccountIn(body); },
                     [this](const http::Request& request, std::function<void(const Status&)> done) {
                       portkey_usage_->Take(request, std::move(done));
                     });
  enforcement::AddGuardrailRoute(router, *guardrail_, [this] { return admission_.has_room(); });
}

Status Daemon::StartHttp() {
  std::function<bool(std::string_view)> is_known_token;
  if (tokens_ != nullptr)
    is_known_token = [tokens = tokens_](std::string_view token) { return tokens->IsKnown(token); };
  const auto router = std::make_shared<http::Router>(is_known_token);
  query::AddProbeRoutes(
      *router, [this] { return !is_drained_; }, [this] { return MetricsText(); });
  if (options_.Serves("otlp")) otlp_->AddRoutes(*router);
  access_logs_->AddRoutes(*router, [this](std::string_view listener) { return options_.Serves(listener); });
  const auto post = [this](std::function<void()> task) { workers_.Post(std::move(task)); };
  decision_stream_.emplace(enforcer_->book(), enforcer_->counters(), Now);
  enforcement::AddDecisionRoutes(*router, *decision_stream_, post, is_known_token);
  if (options_.Serves("portkey")) AddGuardrail(*router);
  for (const std::string& address : options_.http_addresses) {
    http::HttpServerOptions options;
    options.address = address;
    options.router = router;
    options.tls = tls_;
    options.post = post;
    Result<std::unique_ptr<http::HttpServer>> server = http::HttpServer::Start(io_, std::move(options));
    if (!server.ok()) return Status(server.status().code(), "--http-address " + server.status().message());
    http_servers_.push_back(std::move(server).value());
    spdlog::info("HTTP at {}", http_servers_.back()->bound_address());
  }
  return Status();
}

std::string Daemon::ReadyLine() const {
  return "ready grpc=" + grpc_bound_addresses_.front() + " http=" + http_servers_.front()->bound_address();
}

Status Daemon::Run() {
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    spdlog::info("stopping on signal {}", signal);
    io_.stop();
  });
  io_.run();
  Drain();
  return pipeline_->has_given_up() ? Status(Code::kUnavailable, "the disk failed while stopping; see the log")
                                   : Status();
}

// Tells load balancers, ends the streams and takes no more requests, once what they sent is acknowledged lets other
// calls finish, then makes what is in memory durable.
void Daemon::Drain() {
  if (std::exchange(is_drained_, true)) return;
  health_.SetNotServing();
  heavy_ingest_health_.SetNotServing();
  // Requests that were read are still to be answered, which takes a thread.
  sweep_timer_.cancel();
  io_.restart();
  for (const auto& server : http_servers_) server->Drain();
  std::jthread http([this, guard = boost::asio::make_work_guard(io_)] { io_.run(); });
  for (const auto& service : {ingest_service_.get(), heavy_ingest_service_.get()}) {
    if (service != nullptr) service->StopStreams();
  }
  if (access_logs_) access_logs_->Stop();
  verdicts_.Shutdown();
  if (audits_) audits_->Stop();
  resume_.request_stop();
  if (retention_ != nullptr) retention_->Stop();
  if (admin_service_) admin_service_->Stop();
  const auto deadline = std::chrono::system_clock::now() + kGraceForOpenCalls;
  for (grpc::Server* server : {grpc_server_.get(), ingest_server_.get()}) {
    if (server != nullptr) server->Shutdown(deadline);
  }
  // Batches that were read may still be on a worker; the services must outlive them.
  workers_.WaitUntilIdle();
  if (pipeline_ != nullptr) pipeline_->Drain();
  for (grpc::Server* server : {grpc_server_.get(), ingest_server_.get()}) {
    if (server != nullptr) server->Wait();
  }
  for (const auto& server : http_servers_) server->WaitUntilClosed(kGraceForOpenCalls);
  workers_.WaitUntilIdle();  // A request that was put off comes back to a worker.
  io_.stop();
  http.join();
  http_servers_.clear();
}

}  // namespace stillwatch::daemon
