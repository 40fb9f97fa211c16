#include "storage/record_store.h"

#include <gtest/gtest.h>

#include "storage/memory_store.h"

namespace stillwatch::storage {
namespace {

AccountProfile SomeProfile() {
  return {.account_id = "alice",
          .organization_id = "acme",
          .created_time_unix_nano = 1'700'000'000'000'000'001,
          .plan = "pro",
          .payment_fingerprint = "card-1",
          .email_domain = "example.com",
          .signup_address = "192.0.2.1",
          .country = "DE",
          .suspended_time_unix_nano = -1};
}

AccountProfile ProfileOf(const std::string& account_id) {
  AccountProfile profile;
  profile.account_id = account_id;
  return profile;
}

LabelEntry SomeLabel() { return {"alice", Label::kBenign, "an evaluation harness", 1'700'000'000'000'000'002}; }

VerdictChange SomeChange() {
  return {"alice", Verdict::kClear, Verdict::kReview, 1'700'000'000'000'000'003, 0.75, 1234};
}

class RecordStoreTest : public testing::Test {
 protected:
  void Commit(const WriteGroup& group) { ASSERT_TRUE(store_->Commit(group).ok()); }
  std::unique_ptr<Snapshot> Snap() const { return store_->TakeSnapshot(); }

  std::vector<AccountProfile> Profiles() {
    std::vector<AccountProfile> profiles;
    EXPECT_TRUE(ScanProfiles(*Snap(), [&](AccountProfile profile) { profiles.push_back(std::move(profile)); }).ok());
    return profiles;
  }
  std::vector<ModelInfo> Models() {
    std::vector<ModelInfo> models;
    EXPECT_TRUE(ScanModels(*Snap(), [&](ModelInfo model) { models.push_back(std::move(model)); }).ok());
    return models;
  }
  std::vector<LabelEntry> Labels() {
    std::vector<LabelEntry> labels;
    EXPECT_TRUE(ScanLabels(*Snap(), [&](LabelEntry label) { labels.push_back(std::move(label)); }).ok());
    return labels;
  }

  std::unique_ptr<KeyValueStore> store_ = MakeMemoryStore();
};

TEST_F(RecordStoreTest, AProfileComesBackAndALaterOneReplacesIt) {
  AccountProfile profile = SomeProfile();
  WriteGroup group;
  PutProfile(profile, group);
  PutProfile(ProfileOf("bob"), group);
  Commit(group);
  EXPECT_EQ(Profiles(), (std::vector<AccountProfile>{profile, ProfileOf("bob")}));
  profile.plan = "free";
  WriteGroup later;
  PutProfile(profile, later);
  Commit(later);
  EXPECT_EQ(Profiles()[0], profile);
}

TEST_F(RecordStoreTest, AModelComesBack) {
  WriteGroup group;
  PutModel({"small", 0}, group);
  PutModel({"large", 1'700'000'000'000'000'000}, group);
  Commit(group);
  EXPECT_EQ(Models(), (std::vector<ModelInfo>{{"large", 1'700'000'000'000'000'000}, {"small", 0}}));
}

TEST_F(RecordStoreTest, ALabelComesBackUntilItIsDeleted) {
  WriteGroup group;
  PutLabel(SomeLabel(), group);
  Commit(group);
  EXPECT_EQ(Labels(), std::vector<LabelEntry>{SomeLabel()});
  WriteGroup deletion;
  DeleteLabel("alice", deletion);
  Commit(deletion);
  EXPECT_TRUE(Labels().empty());
}

TEST_F(RecordStoreTest, VerdictChangesOfAnAccountComeBackOldestFirst) {
  VerdictChange later = SomeChange();
  later.from = Verdict::kReview;
  later.to = Verdict::kAct;
  later.time_unix_nano += 256;  // Sorts behind in big-endian bytes only.
  VerdictChange neighbour = SomeChange();
  neighbour.account_id = "alicea";
  WriteGroup group;
  for (const VerdictChange& change : {later, neighbour, SomeChange()}) PutVerdictChange(change, group);
  Commit(group);
  EXPECT_EQ(ReadVerdictChanges(*Snap(), "alice").value(), (std::vector<VerdictChange>{SomeChange(), later}));
  EXPECT_TRUE(ReadVerdictChanges(*Snap(), "alic").value().empty());
}

TEST_F(RecordStoreTest, TheJournalKnowsAChangeByAccountTimeAndVerdict) {
  EXPECT_FALSE(HasVerdictChange(*store_, SomeChange()).value());
  WriteGroup group;
  PutVerdictChange(SomeChange(), group);
  Commit(group);
  EXPECT_TRUE(HasVerdictChange(*store_, SomeChange()).value());
  VerdictChange later = SomeChange();
  ++later.time_unix_nano;
  EXPECT_FALSE(HasVerdictChange(*store_, later).value());
}

TEST_F(RecordStoreTest, TheSameVerdictChangeIsKeptOnce) {
  WriteGroup group;
  PutVerdictChange(SomeChange(), group);
  PutVerdictChange(SomeChange(), group);
  Commit(group);
  EXPECT_EQ(ReadVerdictChanges(*Snap(), "alice").value().size(), 1u);
}

TEST_F(RecordStoreTest, VersionOneKeepsItsBytes) {
  WriteGroup group;
  PutLabel({"alice", Label::kConfirmed, "hi", 0x0102}, group);
  PutVerdictChange({"bob", Verdict::kClear, Verdict::kAct, 0x0304, 1.0, 300}, group);
  PutModel({"large", 5}, group);
  AccountProfile profile = ProfileOf("eve");
  profile.organization_id = "o";
  profile.plan = "p";
  profile.country = "DE";
  PutProfile(profile, group);
  const std::vector<WriteGroup::Operation>& operations = group.operations();
  using namespace std::string_literals;
  EXPECT_EQ(operations[0].key, "alice");
  EXPECT_EQ(operations[0].value, "\x01\x02\x02\x01\0\0\0\0\0\0\x02hi"s);
  EXPECT_EQ(operations[1].key, "bob\0\0\0\0\0\0\0\x03\x04\x03"s);
  EXPECT_EQ(operations[1].value, "\x01\x01\0\0\0\0\0\0\xf0\x3f\xac\x02"s);
  EXPECT_EQ(operations[2].key, "large");
  EXPECT_EQ(operations[2].value, "\x01\x05\0\0\0\0\0\0\0"s);
  EXPECT_EQ(operations[3].key, "eve");
  EXPECT_EQ(operations[3].value,
            "\x01\x01o\0\0\0\0\0\0\0\0\x01p\0\0\0\x02"
            "DE\0\0\0\0\0\0\0\0"s);
}

// Reads every kind of record. What the scans skip they must have noted.
Code ReadAll(const Snapshot& snapshot) {
  size_t count = 0;
  const auto visit = [&count](const auto&) { ++count; };
  for (const Status& status : {ScanProfiles(snapshot, visit), ScanModels(snapshot, visit), ScanLabels(snapshot, visit),
                               ScanVerdictChanges(snapshot, visit)}) {
    if (!status.ok()) return status.code();
  }
  const Result<std::vector<VerdictChange>> changes = ReadVerdictChanges(snapshot, "alice");
  EXPECT_TRUE(changes.ok());
  return count == 0 && changes.value().empty() && snapshot.damages().count() > 0 ? Code::kDataLoss : Code::kOk;
}

TEST_F(RecordStoreTest, TruncatedAndExtendedRecordsAreSkippedAndNoted) {
  WriteGroup group;
  PutProfile(SomeProfile(), group);
  PutModel({"large", 1}, group);
  PutLabel(SomeLabel(), group);
  PutVerdictChange(SomeChange(), group);
  for (const WriteGroup::Operation& operation : group.operations()) {
    store_ = MakeMemoryStore();
    for (size_t length = 0; length < operation.value->size(); ++length) {
      WriteGroup damage;
      damage.Put(operation.table, operation.key, operation.value->substr(0, length));
      Commit(damage);
      ASSERT_EQ(ReadAll(*Snap()), Code::kDataLoss) << "length " << length;
    }
    WriteGroup repair;
    repair.Put(operation.table, operation.key, *operation.value);
    Commit(repair);
    ASSERT_EQ(ReadAll(*Snap()), Code::kOk);
    WriteGroup extension;
    extension.Put(operation.table, operation.key, *operation.value + '\0');
    Commit(extension);
    ASSERT_EQ(ReadAll(*Snap()), Code::kDataLoss);
  }
}

TEST_F(RecordStoreTest, UnknownVersionsLabelsAndVerdictsAreSkippedAndNoted) {
  WriteGroup group;
  PutLabel(SomeLabel(), group);
  PutVerdictChange(SomeChange(), group);
  for (const WriteGroup::Operation& operation : group.operations()) {
    for (const size_t byte : {0, 1}) {  // The version; the label, or the verdict before.
      store_ = MakeMemoryStore();
      std::string value = *operation.value;
      value[byte] = 9;
      WriteGroup damage;
      damage.Put(operation.table, operation.key, value);
      Commit(damage);
      EXPECT_EQ(ReadAll(*Snap()), Code::kDataLoss) << "byte " << byte;
    }
  }
}

TEST_F(RecordStoreTest, ADamagedRecordDoesNotHideTheOthers) {
  WriteGroup group;
  PutModel({"a", 1}, group);
  group.Put(Table::kModels, "b", "?");
  PutModel({"c", 3}, group);
  Commit(group);
  std::vector<std::string> names;
  const Status status = ScanModels(*Snap(), [&](const ModelInfo& model) { names.push_back(model.model); });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(store_->damages().count(), 1u);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "c"}));
}

}  // namespace
}  // namespace stillwatch::storage
