// Commands about gateways: who sends, and what their messages become.
#pragma once

#include <string>

#include "cli/record.h"
#include "cli/session.h"
#include "stillwatch/v1/admin.pb.h"

namespace stillwatch::cli {

// The sources as a list of records, and as a table.
std::vector<Record> SourceRecords(const v1::ListSourcesResponse& response);
void PrintSources(const Session& session, const v1::ListSourcesResponse& response);

// Shows what a captured message becomes. `file` is "-" for standard input. Fails if it holds a message that was
// rejected.
ExitCode RunMap(const Session& session, const std::string& listener, const std::string& file);

}  // namespace stillwatch::cli
