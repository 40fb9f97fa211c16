// Check, backup, erasure and retention of the store, through the real daemon and the real client.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <vector>

#include "tests/blackbox/deployment.h"

namespace stillwatch::blackbox {
namespace {

namespace fs = std::filesystem;

std::string DataDirectory(const Deployment& deployment) { return deployment.directory() / "data"; }

std::string Suspects(const Deployment& deployment) {
  const Finished finished = deployment.Client({"suspects", "--all"});
  EXPECT_EQ(finished.exit_code, 0) << finished.errors << ReadFile(deployment.directory() / "log");
  return finished.output;
}

std::string Account(const Deployment& deployment, const std::string& id) {
  return deployment.Client({"account", id}).output + deployment.Client({"explain", id}).output;
}

Finished Verify(const std::string& data_directory) {
  return RunToEnd({STILLWATCHD, "--data-dir", data_directory, "--verify"});
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string TextIn(const std::string& json, const std::string& name) {
  const std::string key = "\"" + name + "\":\"";
  const size_t begin = json.find(key);
  if (begin == std::string::npos) return "";
  return json.substr(begin + key.size(), json.find('"', begin + key.size()) - begin - key.size());
}

// The files in which the text stands.
std::vector<std::string> FilesWith(const std::string& directory, const std::string& text) {
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() && (entry.path().native().find(text) != std::string::npos ||
                                    ReadFile(entry.path()).find(text) != std::string::npos)) {
      found.push_back(entry.path());
    }
  }
  return found;
}

// Flips a bit in the middle of the second block of the log that stands in a table file. Returns false if there is none.
bool DamageSecondBlock(const std::string& data_directory) {
  for (const auto& entry : fs::directory_iterator(data_directory + "/store")) {
    if (entry.path().extension() != ".sst") continue;
    std::string content = ReadFile(entry.path());
    const std::string magic = "SWB\x01";
    const size_t first = content.find(magic);
    const size_t second = first == std::string::npos ? first : content.find(magic, first + 1);
    if (second == std::string::npos) continue;
    const size_t third = std::min(content.find(magic, second + 1), content.size());
    const size_t middle = second + (third - second) / 2;
    content[middle] = static_cast<char>(content[middle] ^ 4);
    WriteFile(entry.path(), content);
    return true;
  }
  return false;
}

class LifecycleTest : public testing::Test {
 protected:
  const Sample sample_{{"--seed", "31"}};
};

TEST_F(LifecycleTest, VerifyFindsASoundStoreSound) {
  Deployment deployment;
  Import(deployment, sample_);
  const Finished held = Verify(DataDirectory(deployment));
  EXPECT_EQ(held.exit_code, 1);
  EXPECT_NE(held.errors.find("holds the store"), std::string::npos) << held.errors;
  ASSERT_EQ(deployment.Stop(), 0);
  const Finished verified = Verify(DataDirectory(deployment));
  EXPECT_EQ(verified.exit_code, 0) << verified.output << verified.errors;
  ASSERT_EQ(Lines(verified.output).size(), 1U);
  EXPECT_NE(verified.output.find(" " + std::to_string(sample_.event_count) + " events"), std::string::npos)
      << verified.output;
}

TEST_F(LifecycleTest, VerifyNeedsAStore) { EXPECT_EQ(Verify(sample_.directory / "nothing").exit_code, 2); }

TEST_F(LifecycleTest, ADamagedBlockIsNamedAndSkippedAndTheDaemonServes) {
  Deployment deployment;
  Import(deployment, sample_, {"--batch-size", "1000"});
  const std::string before = Suspects(deployment);
  // Twice: the second start writes the log's last blocks to table files.
  ASSERT_EQ(deployment.Stop(), 0);
  deployment.Start();
  ASSERT_EQ(deployment.Stop(), 0);
  ASSERT_TRUE(DamageSecondBlock(DataDirectory(deployment)));

  const Finished verified = Verify(DataDirectory(deployment));
  EXPECT_EQ(verified.exit_code, 1);
  EXPECT_EQ(verified.output.rfind("damaged: block ", 0), 0U) << verified.output;
  EXPECT_NE(verified.output.find(" column "), std::string::npos) << verified.output;

  deployment.Start();
  EXPECT_EQ(Suspects(deployment), before);
  // An audit goes through the log, and so does the check of a new event's id.
  EXPECT_EQ(deployment.Client({"audit", "run"}).exit_code, 0);
  EXPECT_EQ(deployment.Status().damaged_place_count(), 1U);
  std::string event = Lines(ReadFile(sample_.directory / "events.jsonl"))[5];
  const std::string event_id = TextIn(event, "event_id");
  event.replace(event.find(event_id), event_id.size(), "one-more");
  WriteFile(sample_.directory / "one.jsonl", event + "\n");
  EXPECT_EQ(NumberIn(deployment.Client({"import", "events", sample_.directory / "one.jsonl"}).output, "accepted"), 1);
  EXPECT_EQ(deployment.Status().damaged_place_count(), 1U) << "it counts once";
  const std::string log = ReadFile(deployment.directory() / "log");
  EXPECT_NE(log.find("damaged and skipped: block "), std::string::npos);
  EXPECT_EQ(deployment.Stop(), 0);
}

TEST_F(LifecycleTest, ABackupMadeDuringAnImportHoldsWhatWasAcknowledgedAndServes) {
  Deployment deployment;
  Import(deployment, sample_);
  const std::string before = Suspects(deployment);
  const Sample more({"--seed", "32"});
  Process client(deployment.ClientCommand({"import", "events", more.directory / "events.jsonl", "--batch-size", "50"}),
                 deployment.directory() / "client-errors");
  const std::string copy = deployment.directory() / "copy";
  const Finished backup = deployment.Client({"backup", copy});
  ASSERT_EQ(backup.exit_code, 0) << backup.errors;
  EXPECT_GE(NumberIn(backup.output, "stored_event_count"), static_cast<int64_t>(sample_.event_count));
  client.ReadRest();
  EXPECT_EQ(client.Wait(), 0);
  ASSERT_EQ(deployment.Stop(), 0);
  EXPECT_EQ(Verify(copy).exit_code, 0);
  fs::rename(DataDirectory(deployment), deployment.directory() / "original");
  fs::rename(copy, DataDirectory(deployment));
  deployment.Start();
  const uint64_t stored = deployment.Status().stored_event_count();
  EXPECT_GE(stored, sample_.event_count);
  // The log is asked, not the client, which counts as accepted what it had to send twice.
  const Finished again = Import(deployment, sample_);
  EXPECT_EQ(again.exit_code, 0) << again.errors;
  EXPECT_EQ(deployment.Status().stored_event_count(), stored)
      << "all of it is there; " << again.output << again.errors << ReadFile(deployment.directory() / "log");
}

TEST_F(LifecycleTest, ADaemonOnABackupAnswersTheSame) {
  Deployment deployment;
  Import(deployment, sample_);
  ASSERT_EQ(deployment.Client({"audit", "run"}).exit_code, 0);
  const std::string suspects = Suspects(deployment);
  const std::string audits = deployment.Client({"audit", "list"}).output;
  ASSERT_EQ(deployment.Client({"backup", deployment.directory() / "copy"}).exit_code, 0);
  ASSERT_EQ(deployment.Stop(), 0);
  fs::rename(DataDirectory(deployment), deployment.directory() / "original");
  fs::rename(deployment.directory() / "copy", DataDirectory(deployment));
  deployment.Start();
  EXPECT_EQ(Suspects(deployment), suspects);
  EXPECT_EQ(deployment.Client({"audit", "list"}).output, audits);
  const std::string id = TextIn(audits, "audit_id");
  EXPECT_EQ(deployment.Client({"audit", "show", id, "--report", deployment.directory() / "report"}).exit_code, 0);
}

TEST_F(LifecycleTest, ABackupGoesOnlyWhereNothingIs) {
  const Deployment deployment;
  const std::string there = deployment.directory() / "there";
  fs::create_directory(there);
  for (const std::string& directory :
       {there, there + "/no/parent", DataDirectory(deployment) + "/within", std::string("/")}) {
    EXPECT_EQ(deployment.Client({"backup", directory}).exit_code, 1) << directory;
  }
  EXPECT_TRUE(fs::is_empty(there));
  EXPECT_FALSE(fs::exists(DataDirectory(deployment) + "/within"));
}

TEST_F(LifecycleTest, RetentionDeletesOldEventsAndChangesNoAnswer) {
  const Deployment forever;
  Import(forever, sample_);
  const std::string expected = Suspects(forever);
  Deployment deployment({"--retention-days", "2"});
  Import(deployment, sample_, {"--batch-size", "500"});
  // At the latest, one run comes when the import has ended.
  while (ReadFile(deployment.directory() / "log").find("retention: deleted") == std::string::npos) {
  }
  EXPECT_EQ(Suspects(deployment), expected);
  const std::string audit = deployment.Client({"audit", "run"}).output;
  EXPECT_LT(NumberIn(audit, "event_count"), static_cast<int64_t>(sample_.event_count)) << audit;
  EXPECT_GT(NumberIn(audit, "event_count"), 0) << audit;
  ASSERT_EQ(deployment.Stop(), 0);
  EXPECT_EQ(Verify(DataDirectory(deployment)).exit_code, 0);
  deployment.Start();
  EXPECT_EQ(Suspects(deployment), expected);
  EXPECT_EQ(deployment.Status().stored_event_count(), sample_.event_count) << "the numbering goes on";
}

class ErasureTest : public LifecycleTest {
 protected:
  ErasureTest() {
    Import(deployment_, sample_);
    const std::vector<std::string> suspects = Lines(Suspects(deployment_));
    id_ = TextIn(suspects.at(0), "account_id");
    neighbour_ = TextIn(suspects.at(1), "account_id");
    EXPECT_EQ(deployment_.Client({"label", id_, "confirmed", "--note", "note-on-the-first"}).exit_code, 0);
    EXPECT_EQ(deployment_.Client({"audit", "run"}).exit_code, 0);
  }

  // All lines but those of the erased account.
  std::string Others() const {
    std::string others;
    for (const std::string& line : Lines(Suspects(deployment_))) {
      if (TextIn(line, "account_id") != id_) others += line + "\n";
    }
    return others;
  }

  void ExpectGone() const {
    EXPECT_EQ(FilesWith(DataDirectory(deployment_), id_), std::vector<std::string>());
    EXPECT_EQ(FilesWith(DataDirectory(deployment_), "note-on-the-first"), std::vector<std::string>());
    EXPECT_EQ(deployment_.Client({"account", id_}).exit_code, 1);
    EXPECT_EQ(deployment_.Client({"audit", "list"}).output, "");
  }

  Deployment deployment_;
  std::string id_;
  std::string neighbour_;
};

TEST_F(ErasureTest, NoByteOfTheAccountIsLeftAndTheOthersStayAsTheyAre) {
  ASSERT_FALSE(FilesWith(DataDirectory(deployment_), id_).empty());
  const std::string others = Others();
  const std::string neighbour = Account(deployment_, neighbour_);
  const Finished erased = deployment_.Client({"erase", id_, "--yes"});
  ASSERT_EQ(erased.exit_code, 0) << erased.errors;
  EXPECT_GT(NumberIn(erased.output, "erased_event_count"), 0);
  EXPECT_EQ(NumberIn(erased.output, "deleted_audit_count"), 1);
  ExpectGone();
  EXPECT_EQ(Suspects(deployment_), others);
  EXPECT_EQ(Account(deployment_, neighbour_), neighbour);
  EXPECT_EQ(deployment_.Status().account_count(), sample_.account_count - 1);

  ASSERT_EQ(deployment_.Stop(), 0);
  EXPECT_EQ(Verify(DataDirectory(deployment_)).exit_code, 0);
  deployment_.Start();
  ExpectGone();
  EXPECT_EQ(Suspects(deployment_), others);
}

TEST_F(ErasureTest, LaterEventsBeginANewAccount) {
  ASSERT_EQ(deployment_.Client({"erase", id_, "--yes"}).exit_code, 0);
  ASSERT_EQ(deployment_.Stop(), 0);
  deployment_.Start();
  std::string own;
  size_t count = 0;
  for (const std::string& line : Lines(ReadFile(sample_.directory / "events.jsonl"))) {
    if (TextIn(line, "account_id") == id_ && count++ < 7) own += line + "\n";
  }
  WriteFile(sample_.directory / "again.jsonl", own);
  EXPECT_EQ(NumberIn(deployment_.Client({"import", "events", sample_.directory / "again.jsonl"}).output, "accepted"),
            static_cast<int64_t>(std::min<size_t>(count, 7)));
  EXPECT_EQ(NumberIn(deployment_.Client({"account", id_}).output, "event_count"),
            static_cast<int64_t>(std::min<size_t>(count, 7)));
}

// Kills at random moments of the erasure; each start takes it up again.
TEST_F(ErasureTest, KillsInTheMiddleDoNotStopIt) {
  const std::string others = Others();
  for (int kill = 0; kill < 6; ++kill) {
    Process client(deployment_.ClientCommand({"erase", id_, "--yes"}), deployment_.directory() / "client-errors");
    const uint64_t commits = deployment_.Status().commit_count();
    for (int polls = 0; polls < 3 * kill && deployment_.Status().commit_count() < commits + 8; ++polls) {
    }
    deployment_.Kill();
    client.ReadRest();
    client.Wait();
    deployment_.Start();
    EXPECT_EQ(Others(), others) << "kill " << kill;
  }
  ASSERT_EQ(deployment_.Client({"erase", id_, "--yes"}).exit_code, 0);
  ExpectGone();
  EXPECT_EQ(Suspects(deployment_), others);
}

}  // namespace
}  // namespace stillwatch::blackbox
