// From mapped messages to a batch of events.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "features/prompt_digest.h"
#include "gateways/conversation.h"
#include "gateways/record_mapper.h"
#include "ingest/event_decoder.h"
#include "ingest/validation.h"
#include "proto/usage_batch.h"

namespace stillwatch::gateways {

// What one field of a message became; for people who look at their mapping.
struct FieldOutcome {
  Target target{TextField::kEventId};
  std::string key;      // The field of the message.
  std::string value;    // As the event holds it; texts of messages by their length only.
  std::string problem;  // Why the value could not be used; empty if it was.
};

// Makes events of records: texts become digests, units are converted, and what is not known stays unknown. A value that
// is none for its field (a temperature of "auto", a limit of -1) makes the field unknown and is counted; only without
// an account or a time the record is rejected. Threading: none of its own. Ownership: mapper and digester must outlive
// it; names are copied, so the records and their bytes need not.
class EventBuilder {
 public:
  enum class Outcome : uint8_t { kEvent, kIgnored, kRejected };

  EventBuilder(const RecordMapper& mapper, const features::PromptDigester& digester, int64_t now_unix_nano);

  // Adds the record as a row. `event_id` is the protocol's own id of the call; without one that of the mapping counts,
  // and without that a hash of all that the record says, so that the same message twice is one event. `outcomes`, if
  // given, gets what became of each field.
  Outcome Add(Record& record, std::string_view event_id, std::vector<FieldOutcome>* outcomes = nullptr);

  size_t event_count() const { return batch_->size(); }
  // Records that were offered, without those that were ignored: an index in rejections().
  uint32_t call_count() const { return call_count_; }
  uint32_t ignored_count() const { return ignored_count_; }
  uint32_t unusable_field_count() const { return unusable_field_count_; }
  const std::vector<ingest::Rejection>& rejections() const { return rejections_; }
  const UsageBatch& batch() const { return *batch_; }
  std::shared_ptr<UsageBatch> TakeBatch();

 private:
  void FillRow(const Record& record, std::string_view event_id);
  void SetChosenText(TextField field, const Record& record);
  void SetChosenNumber(NumberField field, const Record& record);
  bool SetText(TextField field, std::string_view value);
  bool SetNumber(NumberField field, uint64_t value);
  void SetDurations(const Record& record);
  void SetCounts(const Record& record);
  void ReadConversation(const Record& record);
  void SetContent();
  std::string_view ChosenText(Target target, const Record& record) const;
  std::string DeriveEventId(const Record& record) const;
  void Tell(Target target, const Record& record, std::string value, std::string problem);
  void Reject(ingest::Invalidity invalidity);

  const RecordMapper& mapper_;
  const features::PromptDigester& digester_;
  const ingest::NumberCheck check_;
  RecordMapper::Scratch scratch_;
  MappedRecord mapped_;
  ConversationReader reader_;
  Conversation conversation_;
  std::string text_;

  std::shared_ptr<UsageBatch> batch_ = std::make_shared<UsageBatch>();
  std::shared_ptr<std::deque<std::string>> names_ = std::make_shared<std::deque<std::string>>();
  size_t row_ = 0;
  ingest::Invalidity invalidity_;  // Of the row, the first one.
  ingest::Invalidity problem_;     // Of the value looked at last.
  std::vector<FieldOutcome>* outcomes_ = nullptr;

  uint32_t call_count_ = 0;
  uint32_t ignored_count_ = 0;
  uint32_t unusable_field_count_ = 0;
  std::vector<ingest::Rejection> rejections_;
};

}  // namespace stillwatch::gateways
