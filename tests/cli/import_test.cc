#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cli/connection.h"
#include "cli/import_commands.h"
#include "cli/usage_uploader.h"
#include "tests/cli/client_run.h"
#include "tests/cli/fake_daemon.h"
#include "tests/cli/temporary_directory.h"

namespace stillwatch::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr uint64_t kFirstTime = 1'772'409'600'000'000'000;

std::string Line(uint64_t index, bool with_id = true) {
  std::string line = R"({"account_id":"a)" + std::to_string(index % 7) + R"(","time_unix_nano":")" +
                     std::to_string(kFirstTime + index) + "\"";
  if (with_id) line += R"(,"event_id":"e)" + std::to_string(index) + "\"";
  return line + "}\n";
}

std::string Lines(uint64_t count, bool with_id = true) {
  std::string lines;
  for (uint64_t index = 0; index < count; ++index) lines += Line(index, with_id);
  return lines;
}

class ImportTest : public testing::Test {
 protected:
  std::string address() const { return "unix:" + directory_.Path("socket"); }
  void StartDaemon(std::vector<StreamScript> scripts = {}) {
    daemon_ = std::make_unique<FakeDaemon>(address(), store_, answers_, std::move(scripts));
  }
  // Imports events in batches of 10.
  ClientRun Import(const std::vector<std::string>& paths, const std::vector<std::string>& options = {}) {
    std::vector<std::string> arguments = {"--server", address(), "import", "events", "--batch-size", "10"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.insert(arguments.end(), paths.begin(), paths.end());
    return RunArguments(arguments);
  }
  // A number of the summary, -1 if it is not there.
  static int64_t Number(const ClientRun& run, const char* name) {
    simdjson::dom::parser parser;
    int64_t number = -1;
    if (parser.parse(run.out)[name].get(number) != simdjson::SUCCESS) ADD_FAILURE() << name << " not in " << run.out;
    return number;
  }
  static void ExpectCounts(const ClientRun& run, int64_t accepted, int64_t duplicate, int64_t rejected) {
    EXPECT_EQ(Number(run, "accepted"), accepted) << run.err;
    EXPECT_EQ(Number(run, "duplicate"), duplicate) << run.err;
    EXPECT_EQ(Number(run, "rejected"), rejected) << run.err;
  }

  TemporaryDirectory directory_;
  FakeStore store_;
  FakeAnswers answers_;
  std::unique_ptr<FakeDaemon> daemon_;
};

TEST_F(ImportTest, SendsEveryLineOnceAndInOrder) {
  StartDaemon();
  const ClientRun run = Import({directory_.Write("events.jsonl", Lines(95))});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.err, "");
  ExpectCounts(run, 95, 0, 0);
  ASSERT_EQ(store_.account_ids.size(), 95u);
  for (size_t index = 0; index < 95; ++index) EXPECT_EQ(store_.account_ids[index], "a" + std::to_string(index % 7));
  EXPECT_EQ(store_.source_ids.front(), "import:events.jsonl");
}

TEST_F(ImportTest, PromisesTheNewestTimeOfAllFilesOnceAtTheEnd) {
  StartDaemon();
  const std::string late = directory_.Write("late.jsonl", Line(500));
  const std::string early = directory_.Write("early.jsonl", Lines(20));
  EXPECT_EQ(Import({late, early}).exit_code, 0);
  EXPECT_THAT(store_.promises_unix_nano, ElementsAre(kFirstTime + 500));
  EXPECT_EQ(store_.event_count, 21u);
}

TEST_F(ImportTest, PromisesNothingWhenMoreFollowsOrNothingWasTaken) {
  StartDaemon();
  EXPECT_EQ(Import({directory_.Write("events.jsonl", Lines(20))}, {"--more-follows"}).exit_code, 0);
  EXPECT_EQ(Import({directory_.Write("empty.jsonl", "")}).exit_code, 0);
  EXPECT_THAT(store_.promises_unix_nano, ElementsAre());
}

TEST_F(ImportTest, DoesNotPromiseTheTimeOfARejectedEvent) {
  StartDaemon({{.time_unix_nano_max = kFirstTime + 100}});
  const ClientRun run = Import({directory_.Write("events.jsonl", Lines(5) + Line(5000))});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(store_.promises_unix_nano, ElementsAre(kFirstTime + 4));
}

TEST_F(ImportTest, SendsAgainWhatWasNotAcknowledgedAndCountsItAsAccepted) {
  // Every dropped stream has stored a batch whose acknowledgement is lost.
  StartDaemon({{.drop_after_batch = 3}, {.drop_after_batch = 1}, {.drop_after_batch = 2}});
  const ClientRun run = Import({directory_.Write("events.jsonl", Lines(500))});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  ExpectCounts(run, 500, 0, 0);
  EXPECT_EQ(store_.event_count, 500u);
  EXPECT_GE(store_.stream_count, 4);
  EXPECT_THAT(store_.promises_unix_nano, ElementsAre(kFirstTime + 499));
}

TEST_F(ImportTest, GoesOnWhenTheDaemonEndsTheStreamWellOrCancelsIt) {
  StartDaemon({{.drop_after_batch = 2, .drop_status = grpc::Status::OK},
               {.drop_after_batch = 2, .drop_status = grpc::Status(grpc::StatusCode::CANCELLED, "")}});
  const ClientRun run = Import({directory_.Write("events.jsonl", Lines(300))});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  ExpectCounts(run, 300, 0, 0);
}

TEST_F(ImportTest, SurvivesADaemonThatIsKilledAndStartedAgain) {
  std::unique_ptr<std::thread> killer;
  StreamScript script;
  script.drop_after_batch = 4;
  // The server cannot be destroyed by its own call, so another thread does it.
  script.on_drop = [&] {
    killer = std::make_unique<std::thread>([&] {
      daemon_.reset();
      StartDaemon();
    });
  };
  StartDaemon({script});
  const ClientRun run = Import({directory_.Write("events.jsonl", Lines(1000))});
  ASSERT_NE(killer, nullptr);
  killer->join();
  EXPECT_EQ(run.exit_code, 0) << run.err;
  ExpectCounts(run, 1000, 0, 0);
  EXPECT_EQ(store_.event_count, 1000u);
  EXPECT_THAT(run.err, HasSubstr("no connection to"));
}

TEST_F(ImportTest, CountsASecondImportAsDuplicates) {
  StartDaemon();
  const std::string path = directory_.Write("events.jsonl", Lines(25));
  EXPECT_EQ(Import({path}).exit_code, 0);
  const ClientRun second = Import({path});
  EXPECT_EQ(second.exit_code, 0);
  ExpectCounts(second, 0, 25, 0);
}

TEST_F(ImportTest, CountsLinesWithoutIdsOncePerFileAndPlace) {
  StartDaemon();
  const std::string line = Line(1, false);
  const std::string path = directory_.Write("events.jsonl", line + line);
  ExpectCounts(Import({path}), 2, 0, 0);
  ExpectCounts(Import({path}), 0, 2, 0);
  ExpectCounts(Import({directory_.Write("other.jsonl", line)}), 1, 0, 0);
}

TEST_F(ImportTest, NamesBadLinesByFileAndLineAndGoesOn) {
  StartDaemon();
  const std::string path = directory_.Write("events.jsonl", Line(1) + "{\"account_id\":\n\n" + Line(2) +
                                                                "{\"time_unix_nano\":\"1\",\"event_id\":\"x\"}\n" +
                                                                R"({"account_id":"a","seed":"x"})" + "\n" + Line(3));
  const ClientRun run = Import({path});
  EXPECT_EQ(run.exit_code, 3);
  ExpectCounts(run, 3, 0, 3);
  EXPECT_THAT(run.err, HasSubstr(path + ":2: "));
  EXPECT_THAT(run.err, HasSubstr(path + ":5: account_id: missing"));
  EXPECT_THAT(run.err, HasSubstr(path + ":6: seed: "));
  EXPECT_THAT(run.out, HasSubstr(R"("rejected_by_reason":{"invalid_json":2,"missing_field":1})"));
}

TEST_F(ImportTest, NamesTwentyBadLinesAndCountsTheRest) {
  StartDaemon();
  std::string bad;
  for (int count = 0; count < 50; ++count) bad += "[]\n";
  const ClientRun run = Import({directory_.Write("events.jsonl", bad)});
  EXPECT_EQ(run.exit_code, 3);
  ExpectCounts(run, 0, 0, 50);
  EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 21);
  EXPECT_THAT(run.err, HasSubstr("30 more"));
}

TEST_F(ImportTest, CountsUnknownFields) {
  StartDaemon();
  const ClientRun run =
      Import({directory_.Write("events.jsonl", R"({"account_id":"a","time_unix_nano":1,"x":1,"y":{}})")});
  EXPECT_EQ(Number(run, "unknown_fields"), 2);
}

TEST_F(ImportTest, GivesUpWhenThereIsNoDaemon) {
  const ClientRun run = Import({directory_.Write("events.jsonl", Lines(5))}, {"--retry-seconds", "0"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("UNAVAILABLE"));
  ExpectCounts(run, 0, 0, 0);
}

TEST_F(ImportTest, DoesNotRepeatWhatTheDaemonRefuses) {
  StartDaemon({{.drop_after_batch = 1, .drop_status = {grpc::StatusCode::PERMISSION_DENIED, "no"}}});
  const ClientRun run = Import({directory_.Write("events.jsonl", Lines(500))});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("PERMISSION_DENIED"));
  EXPECT_EQ(store_.stream_count, 1);
}

TEST_F(ImportTest, EndsWhenAcknowledgementsMakeNoSense) {
  StartDaemon({{.falsify = [](v1::StreamUsageResponse& response) { response.set_accepted_count(7); }}});
  const ClientRun run = Import({directory_.Write("events.jsonl", Lines(500))});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("INTERNAL"));
}

TEST_F(ImportTest, SendsNothingIfAFileIsMissing) {
  StartDaemon();
  const std::string path = directory_.Write("events.jsonl", Lines(5));
  const ClientRun run = Import({path, directory_.Path("none.jsonl")});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("none.jsonl"));
  EXPECT_EQ(store_.event_count, 0u);
}

TEST_F(ImportTest, StoresAccountsAndModels) {
  StartDaemon();
  const std::string accounts = directory_.Write(
      "accounts.jsonl",
      "{\"account_id\":\"a\",\"plan\":\"free\"}\n{\"plan\":\"x\"}\n{\"account_id\":\"b\",\"new\":1}\n");
  const ClientRun run = RunArguments({"--server", address(), "import", "accounts", "--batch-size", "2", accounts});
  EXPECT_EQ(run.exit_code, 3);
  ExpectCounts(run, 2, 0, 1);
  EXPECT_THAT(run.err, HasSubstr(accounts + ":2: "));
  EXPECT_EQ(store_.profiles["a"].plan(), "free");
  EXPECT_EQ(store_.profiles.count("b"), 1u);

  const std::string models = directory_.Write("models.jsonl", R"({"model":"m","release_time_unix_nano":"5"})");
  EXPECT_EQ(RunArguments({"--server", address(), "import", "models", models}).exit_code, 0);
  EXPECT_EQ(store_.models["m"].release_time_unix_nano(), 5u);
}

TEST_F(ImportTest, WaitsForADaemonThatIsNotThereYet) {
  ConnectionOptions connection;
  connection.server = address();
  auto channel = MakeChannel(connection);
  ASSERT_TRUE(channel.ok());
  uint64_t accepted_count = 0;
  int outage_count = 0;
  {
    UsageUploader uploader(
        *channel, {.backoff = Backoff(std::chrono::milliseconds(1), std::chrono::milliseconds(10))},
        [&](const BatchOutcome& outcome, const v1::StreamUsageResponse&) { accepted_count += outcome.accepted_count; },
        [&](const Status& status) {
          EXPECT_EQ(status.code(), Code::kUnavailable);
          ++outage_count;
          StartDaemon();
        });
    v1::StreamUsageRequest request;
    request.set_sequence(1);
    request.add_events()->set_account_id("a");
    UploadBatch batch;
    batch.sequence = 1;
    batch.origins.resize(1);
    const std::string bytes = request.SerializeAsString();
    const grpc::Slice slice(bytes);
    batch.payload = grpc::ByteBuffer(&slice, 1);
    batch.bytes = bytes.size();
    ASSERT_TRUE(uploader.Send(std::move(batch)).ok());
    EXPECT_TRUE(uploader.WaitForAcknowledgements().ok());
  }
  EXPECT_EQ(accepted_count, 1u);
  EXPECT_EQ(outage_count, 1);
}

TEST(DeriveEventId, DependsOnFileNameLineAndPlaceButNotOnFolderOrCompression) {
  const std::string id = DeriveEventId("x/events.jsonl", 7, "{}");
  EXPECT_EQ(DeriveEventId("y/events.jsonl.gz", 7, "{}"), id);
  EXPECT_EQ(DeriveEventId("events.jsonl.zst", 7, "{}"), id);
  const std::set<std::string> others = {id, DeriveEventId("events2.jsonl", 7, "{}"),
                                        DeriveEventId("events.jsonl", 8, "{}"),
                                        DeriveEventId("events.jsonl", 7, "{ }")};
  EXPECT_EQ(others.size(), 4u);
}

TEST(SourceId, IsANameThatTheDaemonTakes) {
  EXPECT_EQ(SourceId("/x/events.jsonl"), "import:events.jsonl");
  EXPECT_EQ(SourceId("-"), "import:-");
  EXPECT_EQ(SourceId("a\n\xff"), "import:a__");
  EXPECT_EQ(SourceId(std::string(255, 'x')).size(), 256u);
}

}  // namespace
}  // namespace stillwatch::cli
