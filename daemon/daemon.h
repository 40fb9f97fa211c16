// The daemon: what starts in which order, and stops in the reverse one.
#pragma once

#include <grpcpp/server.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "daemon/answer_priority.h"
#include "daemon/credentials.h"
#include "daemon/health_service.h"
#include "daemon/options.h"
#include "daemon/worker_pool.h"
#include "detector/scoring_engine.h"
#include "enforcement/decision_service.h"
#include "enforcement/decision_stream.h"
#include "enforcement/enforcer.h"
#include "enforcement/external_authorization.h"
#include "enforcement/guardrail.h"
#include "features/phrase_engine.h"
#include "features/prompt_digest.h"
#include "gateways/access_log_listeners.h"
#include "gateways/gateway_service.h"
#include "gateways/intake.h"
#include "gateways/listener_catalog.h"
#include "gateways/otlp_service.h"
#include "gateways/portkey_usage.h"
#include "http/http_server.h"
#include "http/tls_files.h"
#include "ingest/account_eraser.h"
#include "ingest/admission.h"
#include "ingest/event_decoder.h"
#include "ingest/ingest_counters.h"
#include "ingest/ingest_service.h"
#include "ingest/pipeline.h"
#include "ingest/retention.h"
#include "ingest/source_registry.h"
#include "proto/result.h"
#include "query/admin_service.h"
#include "query/audit_runner.h"
#include "query/audit_service.h"
#include "query/label_service.h"
#include "query/query_service.h"
#include "query/query_workers.h"
#include "query/verdict_hub.h"
#include "storage/key_value_store.h"

namespace stillwatch::daemon {

// Holds all parts of the running daemon. The members stand in the order in which they start; each may use those above
// it. Threading: Start and Run by the main thread.
class Daemon {
 public:
  // Errors: kInvalidArgument for options that cannot be used together or files that cannot be read; others for a store
  // that cannot be opened or an address that cannot be bound.
  static Result<std::unique_ptr<Daemon>> Start(const Options& options);
  ~Daemon();

  // "ready grpc=HOST:PORT http=HOST:PORT".
  std::string ReadyLine() const;
  // Serves until SIGTERM or SIGINT, then stops taking in, acknowledges what was taken, and makes a checkpoint.
  // Errors: kUnavailable if something that was taken could not be made durable; it was not acknowledged.
  Status Run();

 private:
  explicit Daemon(const Options& options);

  Status OpenStore();
  Status StartPipeline();
  Status StartEnforcement();
  Status StartWebhooks();
  void SweepDecisionsLater();
  void StartAudits();
  void StartUpkeep();
  Status StartGateways();
  void WatchGateways();
  Status StartAccessLogs();
  Status StartGrpc();
  // `what` names it in the log.
  Result<std::unique_ptr<grpc::Server>> Serve(const std::string& what, const std::string& flag,
                                              const std::vector<std::string>& addresses,
                                              const std::vector<grpc::Service*>& services,
                                              std::vector<std::string>& bound_addresses) const;
  Status StartHttp();
  void AddGuardrail(http::Router& router);
  // What threads of gRPC call: the answer to a gateway, at once, and work for the workers.
  query::CheckAnswer Answer(enforcement::Interface interface, std::string_view account_id);
  void TakeIn(std::function<void()> task);
  detector::ParallelFor ParallelFor();
  std::string MetricsText() const;
  void Drain();

  const Options options_;
  std::optional<http::TlsFiles> tls_;
  std::shared_ptr<const TokenVerifier> tokens_;
  boost::asio::io_context io_;
  boost::asio::signal_set
      signals_;  // From the first moment: a signal during the start ends the daemon cleanly after it.
  WorkerPool workers_;
  AnswerPriority answer_priority_;
  std::unique_ptr<storage::KeyValueStore> store_;
  std::unique_ptr<features::PhraseEngine> phrases_;
  std::optional<features::PromptDigester> digester_;
  std::optional<detector::ScoringEngine> engine_;
  query::VerdictHub verdicts_;
  std::optional<enforcement::Enforcer> enforcer_;
  std::unique_ptr<ingest::Pipeline> pipeline_;
  boost::asio::steady_timer sweep_timer_;

  ingest::IngestCounters ingest_counters_;
  ingest::Admission admission_;
  ingest::SourceRegistry sources_;
  std::optional<ingest::EventDecoder> decoder_;
  std::optional<query::AuditRunner> audits_;
  query::QueryWorkers query_workers_;
  std::mutex upkeep_mutex_;
  std::optional<ingest::AccountEraser> eraser_;
  std::unique_ptr<ingest::Retention> retention_;
  query::QueryWorkers upkeep_workers_{1, 16};  // Of calls that take minutes, one at a time.

  std::optional<gateways::ListenerCatalog> listeners_;
  std::optional<gateways::IntakeResources> intake_;
  std::optional<gateways::OtlpService> otlp_;
  std::optional<gateways::AccessLogListeners> access_logs_;
  boost::asio::steady_timer gateway_watch_;

  HealthService health_;
  std::unique_ptr<ingest::IngestService> ingest_service_;
  std::unique_ptr<ingest::IngestService> heavy_ingest_service_;  // A service belongs to one server.
  HealthService heavy_ingest_health_;
  std::optional<query::QueryService> query_service_;
  std::optional<query::LabelService> label_service_;
  std::optional<query::AdminService> admin_service_;
  std::optional<query::AuditService> audit_service_;
  std::optional<gateways::GatewayService> gateway_service_;
  std::optional<enforcement::DecisionService> decision_service_;
  std::optional<enforcement::ExternalAuthorization> external_authorization_;
  std::optional<enforcement::DecisionStream> decision_stream_;
  std::optional<gateways::PortkeyUsage> portkey_usage_;
  std::optional<enforcement::Guardrail> guardrail_;
  std::unique_ptr<grpc::Server> grpc_server_;
  std::unique_ptr<grpc::Server> ingest_server_;  // Null without --ingest-address.
  std::vector<std::string> grpc_bound_addresses_;
  std::vector<std::unique_ptr<http::HttpServer>> http_servers_;
  bool is_drained_ = false;
  std::jthread resume_;  // Finishes erasures of an earlier life. Last, so that it ends before what it uses.
};

}  // namespace stillwatch::daemon
