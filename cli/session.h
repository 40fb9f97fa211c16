// What every command works with.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <ostream>
#include <string>

#include "cli/exit_code.h"
#include "cli/record.h"
#include "cli/status_line.h"
#include "cli/table.h"
#include "proto/result.h"

namespace stillwatch::cli {

// One run of the client: where the daemon is, and where and how to print.
// Ownership: the streams and the status line outlive it.
struct Session {
  std::string server;
  std::shared_ptr<grpc::Channel> channel;
  std::ostream& out;
  StatusLine& status_line;
  OutputFormat format = OutputFormat::kJsonl;
  Colour colour = Colour::kOff;

  bool is_table() const { return format == OutputFormat::kTable; }
};

// Says in one line what could not be done, at which server and why.
ExitCode Fail(const Session& session, const std::string& what, const Status& status);

// Ends a call with one answer after a minute: a daemon that is alive answers any of them in seconds.
void SetDeadline(grpc::ClientContext& context);

}  // namespace stillwatch::cli
