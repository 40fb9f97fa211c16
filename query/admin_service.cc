#include "query/admin_service.h"

#include <string>

#include "query/backup.h"
#include "query/request_check.h"
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
  response->set_damaged_place_count(store_.damages().count());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* AdminService::ListSources(grpc::CallbackServerContext* context,
                                                    const v1::ListSourcesRequest* /*request*/,
                                                    v1::ListSourcesResponse* response) {
  for (const ingest::NamedSource& named : sources_.List()) {
    const ingest::Source& source = *named.source;
    v1::SourceStatus* status = response->add_sources();
    status->set_listener(named.listener);
    status->set_name(named.name);
    status->set_received_count(source.received);
    status->set_accepted_count(source.accepted);
    status->set_duplicate_count(source.duplicate);
    for (size_t reason = 1; reason < ingest::kRejectReasonCount; ++reason) {
      if (source.rejected[reason] == 0) continue;
      v1::RejectedCount* rejected = status->add_rejected();
      rejected->set_reason(static_cast<v1::RejectReason>(reason));
      rejected->set_count(source.rejected[reason]);
    }
    status->set_ignored_count(source.ignored);
    status->set_late_count(source.late);
    status->set_suspected_lost_count(source.suspected_lost);
    status->set_unusable_field_count(source.unusable_fields);
    status->set_last_seen_unix_nano(static_cast<uint64_t>(source.last_seen_unix_nano));
    status->set_is_quiet(named.is_quiet);
  }
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* AdminService::EraseAccount(grpc::CallbackServerContext* context,
                                                     const v1::EraseAccountRequest* request,
                                                     v1::EraseAccountResponse* response) {
  return workers_.Answer(context, [this, account_id = request->account_id(), response]() -> Status {
    STILLWATCH_RETURN_IF_ERROR(CheckAccountId(account_id));
    Result<ingest::ErasureReport> report = eraser_.Erase(account_id, stop_.get_token());
    if (report.status().code() == Code::kCancelled) {
      return {Code::kUnavailable, "the daemon is stopping; its next start goes on with the erasure"};
    }
    if (!report.ok()) return report.status();
    response->set_erased_event_count(report->event_count);
    response->set_rewritten_block_count(report->rewritten_block_count);
    response->set_deleted_audit_count(report->deleted_report_count);
    response->set_unsearched_block_count(report->damaged_block_count);
    return {};
  });
}

grpc::ServerUnaryReactor* AdminService::CreateBackup(grpc::CallbackServerContext* context,
                                                     const v1::CreateBackupRequest* request,
                                                     v1::CreateBackupResponse* response) {
  return workers_.Answer(context, [this, directory = std::filesystem::path(request->directory()), response] {
    response->set_stored_event_count(pipeline_.counters().stored_event_count);
    return MakeBackup(store_, data_directory_, directory);
  });
}

}  // namespace stillwatch::query
