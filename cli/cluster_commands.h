// Commands that ask about coordinated groups: clusters, cluster.
#pragma once

#include <string>

#include "cli/session.h"
#include "stillwatch/v1/score.pb.h"

namespace stillwatch::cli {

// Lists the groups with this verdict or a higher one; unspecified means all.
ExitCode RunClusters(const Session& session, v1::Verdict min_verdict);
ExitCode RunCluster(const Session& session, const std::string& cluster_id);

}  // namespace stillwatch::cli
