// The service of the batch audit.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "query/audit_runner.h"
#include "query/query_workers.h"
#include "stillwatch/v1/audit.grpc.pb.h"

namespace stillwatch::query {

// Bytes of one piece of a file.
inline constexpr size_t kAuditPieceBytesMax = 64u << 10;
// Between two messages of progress: ten a second are enough for a person.
inline constexpr int64_t kAuditProgressIntervalMs = 100;

// Serves v1.AuditService. A client that leaves cancels its audit.
// Threading: safe from any thread. Ownership: all that it is given must outlive the server. A call of RunAudit ends
// with its audit: stop the runner before the server shuts down.
class AuditService final : public v1::AuditService::CallbackService {
 public:
  AuditService(AuditRunner& runner, QueryWorkers& workers) : runner_(runner), workers_(workers) {}

  grpc::ServerWriteReactor<v1::RunAuditResponse>* RunAudit(grpc::CallbackServerContext* context,
                                                           const v1::RunAuditRequest* request) override;
  grpc::ServerUnaryReactor* ListAudits(grpc::CallbackServerContext* context, const v1::ListAuditsRequest* request,
                                       v1::ListAuditsResponse* response) override;
  grpc::ServerWriteReactor<v1::GetAuditResponse>* GetAudit(grpc::CallbackServerContext* context,
                                                           const v1::GetAuditRequest* request) override;

 private:
  AuditRunner& runner_;
  QueryWorkers& workers_;
};

}  // namespace stillwatch::query
