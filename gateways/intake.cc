#include "gateways/intake.h"

#include <array>
#include <mutex>
#include <utility>

#include "proto/limits.h"

namespace stillwatch::gateways {

std::string IntakeReport::rejection_text() const {
  std::array<uint32_t, ingest::kRejectReasonCount> counts{};
  std::array<const std::string*, ingest::kRejectReasonCount> examples{};
  for (const ingest::Rejection& rejection : rejections) {
    const auto reason = static_cast<size_t>(rejection.reason);
    if (counts[reason]++ == 0) examples[reason] = &rejection.message;
  }
  std::string out;
  for (size_t reason = 0; reason < counts.size(); ++reason) {
    if (counts[reason] == 0) continue;
    out += (out.empty() ? "" : "; ") + std::to_string(counts[reason]) + " " +
           std::string(ingest::RejectReasonName(static_cast<ingest::RejectReason>(reason))) + ", as " +
           *examples[reason];
  }
  return out;
}

// Waits for all parts of a request. The pipeline drops what it holds when the daemon stops, and with it the last
// reference.
class IntakeRequest::Completion {
 public:
  Completion(const IntakeResources& resources, size_t bytes, std::function<void(const IntakeReport&)> done)
      : admission_(resources.admission), bytes_(bytes), done_(std::move(done)) {
    admission_.Acquire(bytes_);
    resources.counters.received_bytes += bytes_;
  }
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;
  ~Completion() {
    if (open_part_count_ > 0) report_.status = Status(Code::kUnavailable, "the daemon is stopping");
    done_(report_);
    admission_.Release(bytes_);
  }

  // Before the first part is submitted.
  IntakeReport& report() { return report_; }
  void ExpectPart() {
    const std::lock_guard lock(mutex_);
    ++open_part_count_;
  }
  void PartIsDurable(uint32_t accepted, uint32_t duplicate) {
    const std::lock_guard lock(mutex_);
    report_.accepted_count += accepted;
    report_.duplicate_count += duplicate;
    --open_part_count_;
  }

 private:
  ingest::Admission& admission_;
  const size_t bytes_;
  const std::function<void(const IntakeReport&)> done_;
  std::mutex mutex_;
  IntakeReport report_;
  size_t open_part_count_ = 0;
};

IntakeRequest::IntakeRequest(const IntakeResources& resources, const RecordMapper& mapper, std::string listener,
                             size_t wire_bytes)
    : resources_(resources), mapper_(mapper), listener_(std::move(listener)), wire_bytes_(wire_bytes) {}

IntakeRequest::Part IntakeRequest::NewPart(std::string_view source_name) {
  return {resources_.sources.Note(listener_, source_name),
          std::make_unique<EventBuilder>(mapper_, resources_.digester, resources_.clock())};
}

IntakeRequest::Part& IntakeRequest::PartOf(std::string_view source_name) {
  auto found = parts_.find(source_name);
  if (found == parts_.end()) found = parts_.emplace(std::string(source_name), NewPart(source_name)).first;
  Part& part = found->second;
  if (part.builder->event_count() >= kBatchEventCountMax) {
    full_parts_.push_back(std::move(part));
    part = NewPart(source_name);
  }
  return part;
}

EventBuilder& IntakeRequest::BuilderOf(std::string_view source_name) { return *PartOf(source_name).builder; }

ingest::Source& IntakeRequest::SourceOf(std::string_view source_name) { return *PartOf(source_name).source; }

void IntakeRequest::Submit(std::function<void(const IntakeReport&)> done) && {
  const auto completion = std::make_shared<Completion>(resources_, wire_bytes_, std::move(done));
  IntakeReport& report = completion->report();
  for (auto& [name, part] : parts_) full_parts_.push_back(std::move(part));
  for (const Part& part : full_parts_) {
    const EventBuilder& builder = *part.builder;
    report.ignored_count += builder.ignored_count();
    report.rejections.insert(report.rejections.end(), builder.rejections().begin(), builder.rejections().end());
    if (builder.event_count() > 0) completion->ExpectPart();
  }
  for (Part& part : full_parts_) SubmitPart(part, completion);
}

void IntakeRequest::SubmitPart(Part& part, const std::shared_ptr<Completion>& completion) {
  EventBuilder& builder = *part.builder;
  ingest::Source& source = *part.source;
  source.received += builder.call_count();
  source.ignored += builder.ignored_count();
  source.unusable_fields += builder.unusable_field_count();
  resources_.counters.received_event_count += builder.call_count();
  for (const ingest::Rejection& rejection : builder.rejections()) {
    ++source.rejected[static_cast<size_t>(rejection.reason)];
    ++resources_.counters.rejected[static_cast<size_t>(rejection.reason)];
  }
  if (builder.event_count() == 0) return;
  ingest::SubmittedBatch batch;
  batch.events = builder.TakeBatch();
  const int64_t watermark = resources_.watermark_unix_nano();
  for (size_t row = 0; row < batch.events->size(); ++row)
    source.late += batch.events->time_unix_nano(row) < watermark ? 1 : 0;
  batch.observed = detector::Observe(batch.events);
  batch.on_durable = [completion, source = part.source](uint32_t accepted, uint32_t duplicate) {
    source->accepted += accepted;
    source->duplicate += duplicate;
    completion->PartIsDurable(accepted, duplicate);
  };
  resources_.pipeline.Submit(std::move(batch));
}

}  // namespace stillwatch::gateways
