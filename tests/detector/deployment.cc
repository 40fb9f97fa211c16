#include "tests/detector/deployment.h"

#include <gtest/gtest.h>

#include "storage/memory_store.h"
#include "storage/record_store.h"

namespace stillwatch::detector {

Deployment::Deployment(const EngineOptions& options)
    : options_(options),
      store_(storage::MakeMemoryStore()),
      log_(storage::EventLog::Open(*store_).value()) {
  MakeEngine();
}

void Deployment::MakeEngine() {
  engine_ = std::make_unique<ScoringEngine>(options_, SerialFor);
  engine_->SetStateLoader([this](std::string_view key) {
    return store_->Get(storage::Table::kAccounts, key).value();
  });
}

void Deployment::Commit(const storage::WriteGroup& group) { ASSERT_TRUE(store_->Commit(group).ok()); }

ObservedBatch Deployment::Append(std::shared_ptr<const UsageBatch> batch,
                                 std::optional<int64_t> complete_through_unix_nano) {
  storage::WriteGroup group;
  const uint64_t first_sequence = log_->Append(*batch, group);
  if (complete_through_unix_nano) SavePromise(log_->next_sequence(), *complete_through_unix_nano, group);
  Commit(group);
  ObservedBatch observed = Observe(std::move(batch));
  observed.first_sequence = first_sequence;
  observed.complete_through_unix_nano = complete_through_unix_nano;
  return observed;
}

void Deployment::Take(std::shared_ptr<const UsageBatch> batch, std::optional<int64_t> complete_through_unix_nano) {
  const ObservedBatch observed = Append(std::move(batch), complete_through_unix_nano);
  engine_->Offer({&observed, 1});
  next_sequence_ = log_->next_sequence();
}

void Deployment::TakeAhead(std::shared_ptr<const UsageBatch> batch) {
  const ObservedBatch observed = Append(std::move(batch), {});
  ahead_.push_back({engine_->Arrive({&observed, 1}), log_->next_sequence()});
}

bool Deployment::Advance() {
  if (ahead_.empty()) return false;
  engine_->AdvanceTo(ahead_.front().time);
  next_sequence_ = ahead_.front().next_sequence;
  ahead_.pop_front();
  return true;
}

void Deployment::Save(Saving saving) {
  storage::WriteGroup group;
  engine_->Save(next_sequence_, group);
  Commit(group);
  if (saving == Saving::kConfirmed) engine_->ConfirmSave();
}

uint64_t Deployment::Restart() {
  MakeEngine();
  ahead_.clear();
  next_sequence_ = log_->next_sequence();
  const Result<uint64_t> replayed = engine_->Restore(*store_->TakeSnapshot());
  EXPECT_TRUE(replayed.ok()) << replayed.status().message();
  return replayed.ok() ? replayed.value() : 0;
}

void Deployment::StoreLabel(std::string_view account_id, Label label) {
  storage::WriteGroup group;
  storage::PutLabel({std::string(account_id), label, "", 0}, group);
  Commit(group);
}

void Deployment::SetLabel(std::string_view account_id, Label label) {
  StoreLabel(account_id, label);
  engine_->SetLabel(account_id, label);
}

void Deployment::SetProfile(const AccountProfile& profile) {
  storage::WriteGroup group;
  storage::PutProfile(profile, group);
  Commit(group);
  engine_->SetProfile(profile);
}

}  // namespace stillwatch::detector
