#include "query/admin_service.h"

#include <string>

#include "query/version.h"

namespace stillwatch::query {

grpc::ServerUnaryReactor* AdminService::GetVersion(grpc::CallbackServerContext* context,
                                                   const v1::GetVersionRequest* /*request*/,
                                                   v1::GetVersionResponse* response) {
  response->set_version(std::string(Version()));
  response->set_build(std::string(Build()));
  response->set_instruction_set(std::string(InstructionSet()));
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* AdminService::GetStatus(grpc::CallbackServerContext* context,
                                                  const v1::GetStatusRequest* /*request*/,
                                                  v1::GetStatusResponse* response) {
  const ingest::PipelineCounters pipeline = pipeline_.counters();
  const detector::EngineCounters engine = engine_.counters();
  uint64_t rejected = 0;
  for (const auto& count : ingest_counters_.rejected) rejected += count;
  response->set_stored_event_count(pipeline.stored_event_count);
  response->set_accepted_event_count(pipeline.accepted_event_count);
  response->set_duplicate_event_count(pipeline.duplicate_event_count);
  response->set_rejected_event_count(rejected);
  response->set_late_event_count(engine.late_event_count);
  response->set_account_count(engine.account_count);
  response->set_watermark_unix_nano(static_cast<uint64_t>(engine.watermark_unix_nano));
  response->set_newest_event_unix_nano(static_cast<uint64_t>(engine.newest_event_unix_nano));
  response->set_pending_event_count(engine.waiting_event_count);
  response->set_in_flight_bytes(ingest_counters_.in_flight_bytes);
  response->set_commit_count(pipeline.commit_count);
  response->set_failed_commit_count(pipeline.failed_commit_count);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace stillwatch::query
