// From lines of access logs to durable events.
#pragma once

#include <string>
#include <string_view>

#include "gateways/access_log_line.h"
#include "gateways/intake.h"
#include "gateways/line_sink.h"

namespace stillwatch::gateways {

// Takes the lines of one listener, reads them on workers and hands their events to the pipeline.
// Threading: from any thread. Ownership: `resources` and `mapper` must outlive it and its batches.
// Errors: a line that cannot be read, or has no account or time, is rejected and counted with its source, as are
// losses: lines that were passed over count as rejected, messages that never came as suspected losses.
class AccessLogIntake final : public LineSink {
 public:
  // `listener`: the name under which sources are shown, as "syslog" or "file".
  AccessLogIntake(const IntakeResources& resources, const RecordMapper& mapper, std::string listener)
      : resources_(resources), mapper_(mapper), listener_(std::move(listener)) {}

  void Take(LineBatch batch, OnDone on_done) override;
  void NoteLoss(std::string_view source, LineLoss loss, uint64_t count) override;
  bool HasRoomOrWait(std::function<void()> on_room) override;

 private:
  void Read(const LineBatch& batch, OnDone on_done);

  const IntakeResources& resources_;
  const RecordMapper& mapper_;
  const std::string listener_;
};

// Counts messages that could not be read far enough to be offered to a builder.
void CountUnreadable(ingest::RejectReason reason, uint64_t count, const IntakeResources& resources,
                     ingest::Source& source);

}  // namespace stillwatch::gateways
