// The stream of verdict changes to one client.
#pragma once

#include <grpcpp/support/server_callback.h>

#include "query/verdict_hub.h"
#include "stillwatch/v1/query.pb.h"

namespace stillwatch::query {

// Makes the reactor of one WatchVerdicts call, which deletes itself when the call is done. Response headers are sent as
// soon as it follows, so that a client knows from when on it misses nothing. `verdicts` must outlive the call. Errors:
// the call ends with INVALID_ARGUMENT if `min_verdict` is not in the API.
grpc::ServerWriteReactor<v1::WatchVerdictsResponse>* MakeVerdictWatcher(VerdictHub& verdicts, v1::Verdict min_verdict);

}  // namespace stillwatch::query
