#include "gateways/access_log_intake.h"

#include <memory>
#include <utility>

namespace stillwatch::gateways {

void CountUnreadable(ingest::RejectReason reason, uint64_t count, const IntakeResources& resources,
                     ingest::Source& source) {
  source.received += count;
  source.rejected[static_cast<size_t>(reason)] += count;
  resources.counters.received_event_count += count;
  resources.counters.rejected[static_cast<size_t>(reason)] += count;
}

void AccessLogIntake::Take(LineBatch batch, OnDone on_done) {
  const auto shared = std::make_shared<LineBatch>(std::move(batch));
  resources_.post([this, shared, done = std::move(on_done)] { Read(*shared, done); });
}

void AccessLogIntake::Read(const LineBatch& batch, OnDone on_done) {
  IntakeRequest request(resources_, mapper_, listener_, batch.bytes());
  EventBuilder& builder = request.BuilderOf(batch.source);
  AccessLogLineReader reader;
  Record record;
  uint64_t unreadable_count = 0;
  for (size_t i = 0; i < batch.lines.size(); ++i) {
    const LineBatch::Line& line = batch.lines[i];
    std::optional<LinePlace> place;
    if (line.inode != 0) place = LinePlace{line.inode, line.offset};
    if (reader.Read(batch.line(i), place, record).ok()) {
      builder.Add(record, {});
    } else {
      ++unreadable_count;
    }
  }
  if (unreadable_count > 0) {
    CountUnreadable(ingest::RejectReason::kBadEncoding, unreadable_count, resources_, request.SourceOf(batch.source));
  }
  std::move(request).Submit([done = std::move(on_done)](const IntakeReport& report) { done(report.status); });
}

void AccessLogIntake::NoteLoss(std::string_view source_name, LineLoss loss, uint64_t count) {
  const std::shared_ptr<ingest::Source> source = resources_.sources.Note(listener_, source_name);
  switch (loss) {
    case LineLoss::kTooLong:
      return CountUnreadable(ingest::RejectReason::kTooLong, count, resources_, *source);
    case LineLoss::kCutOff:
    case LineLoss::kKernelDropped:
    case LineLoss::kVanished:
      source->suspected_lost += count;
      return;
  }
}

bool AccessLogIntake::HasRoomOrWait(std::function<void()> on_room) {
  return resources_.admission.HasRoomOrWait(std::move(on_room));
}

}  // namespace stillwatch::gateways
