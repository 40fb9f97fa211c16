// Bad input: a clear reason each, the rest kept, the daemon alive.
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "stillwatch/v1/ingest.grpc.pb.h"
#include "tests/blackbox/deployment.h"

namespace stillwatch::blackbox {
namespace {

constexpr uint64_t kTime = 1'772'409'600'000'000'000;  // 2 March 2026.

class BadInputTest : public testing::Test {
 protected:
  // Sends one batch and returns the status of the stream; `response` is the acknowledgement, if one came.
  grpc::Status Send(const v1::StreamUsageRequest& request, v1::StreamUsageResponse& response) const {
    grpc::ClientContext context;
    const auto stub = v1::IngestService::NewStub(deployment_.Channel());
    const auto stream = stub->StreamUsage(&context);
    stream->Write(request);
    stream->Read(&response);
    stream->WritesDone();
    return stream->Finish();
  }
  static v1::UsageEvent& AddEvent(v1::StreamUsageRequest& request, const std::string& id) {
    v1::UsageEvent& event = *request.add_events();
    event.set_event_id(id);
    event.set_account_id("acme");
    event.set_time_unix_nano(kTime);
    return event;
  }

  Deployment deployment_;
};

TEST_F(BadInputTest, EachBadEventIsNamedAndTheOthersAreKept) {
  v1::StreamUsageRequest request;
  request.set_sequence(7);
  AddEvent(request, "good");
  AddEvent(request, "no account").clear_account_id();
  AddEvent(request, "no time").clear_time_unix_nano();
  AddEvent(request, "1970").set_time_unix_nano(1'000'000'000);
  AddEvent(request, "2100").set_time_unix_nano(4'102'444'800'000'000'000);
  AddEvent(request, "nan").set_temperature(std::numeric_limits<double>::quiet_NaN());
  AddEvent(request, "infinite").set_top_p(INFINITY);
  AddEvent(request, "tokens").set_input_tokens(std::numeric_limits<uint64_t>::max());
  AddEvent(request, "status").set_status_code(42);
  AddEvent(request, "long").set_organization_id(std::string(300, 'x'));
  AddEvent(request, "control").set_api_key_id("a\nb");
  AddEvent(request, "digest").mutable_content_digest()->set_version(99);
  AddEvent(request, "huge").set_prompt(std::string(17u << 20, 'x'));
  AddEvent(request, "good");
  AddEvent(request, "ten megabytes").set_prompt(std::string(10u << 20, 'x'));
  v1::StreamUsageResponse response;
  ASSERT_TRUE(Send(request, response).ok());
  EXPECT_EQ(response.sequence(), 7U);
  EXPECT_EQ(response.accepted_count(), 2U);
  EXPECT_EQ(response.duplicate_count(), 1U);
  const std::vector<v1::RejectReason> expected = {
      v1::REJECT_REASON_MISSING_FIELD, v1::REJECT_REASON_MISSING_FIELD,  v1::REJECT_REASON_TIME_TOO_OLD,
      v1::REJECT_REASON_TIME_IN_FUTURE, v1::REJECT_REASON_OUT_OF_RANGE,  v1::REJECT_REASON_OUT_OF_RANGE,
      v1::REJECT_REASON_OUT_OF_RANGE,  v1::REJECT_REASON_OUT_OF_RANGE,   v1::REJECT_REASON_TOO_LONG,
      v1::REJECT_REASON_BAD_ENCODING,  v1::REJECT_REASON_UNKNOWN_DIGEST_VERSION, v1::REJECT_REASON_TOO_LONG};
  ASSERT_EQ(response.rejected_size(), static_cast<int>(expected.size()));
  for (int i = 0; i < response.rejected_size(); ++i) {
    EXPECT_EQ(response.rejected(i).index(), static_cast<uint32_t>(i + 1));
    EXPECT_EQ(response.rejected(i).reason(), expected[static_cast<size_t>(i)]) << response.rejected(i).message();
    EXPECT_FALSE(response.rejected(i).message().empty());
  }
  EXPECT_EQ(deployment_.Status().stored_event_count(), 2U);
}

// The generated code of this test would not send such text, so the bytes are made by hand.
TEST_F(BadInputTest, InvalidUtf8RejectsItsEventOnly) {
  v1::StreamUsageRequest request;
  AddEvent(request, "good 1");
  AddEvent(request, "bad").set_end_user_id("@@@@");
  AddEvent(request, "good 2");
  std::string bytes = request.SerializeAsString();
  bytes.replace(bytes.find("@@@@"), 4, "\xFF\xFE\xC0\x80");
  grpc::ClientContext context;
  grpc::GenericStub stub(deployment_.Channel());
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareCall(&context, "/stillwatch.v1.IngestService/StreamUsage", &queue);
  const auto next = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  call->StartCall(nullptr);
  ASSERT_TRUE(next());
  const grpc::Slice slice(bytes);
  call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
  ASSERT_TRUE(next());
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  ASSERT_TRUE(next());
  v1::StreamUsageResponse response;
  ASSERT_TRUE(grpc::SerializationTraits<v1::StreamUsageResponse>::Deserialize(&answer, &response).ok());
  EXPECT_EQ(response.accepted_count(), 2U);
  ASSERT_EQ(response.rejected_size(), 1);
  EXPECT_EQ(response.rejected(0).index(), 1U);
  EXPECT_EQ(response.rejected(0).reason(), v1::REJECT_REASON_BAD_ENCODING);
  // A message that is none at all ends this stream alone.
  const grpc::Slice nonsense(std::string("\x0A\xFF\xFF\xFF\xFF\x7F", 6));
  call->Write(grpc::ByteBuffer(&nonsense, 1), nullptr);
  ASSERT_TRUE(next());
  grpc::Status status;
  call->Finish(&status, nullptr);
  ASSERT_TRUE(next());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(deployment_.Status().stored_event_count(), 2U);
}

TEST_F(BadInputTest, ABatchOfTooManyEventsEndsItsStream) {
  v1::StreamUsageRequest request;
  for (int i = 0; i < 10'001; ++i) AddEvent(request, std::to_string(i));
  v1::StreamUsageResponse response;
  EXPECT_EQ(Send(request, response).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(deployment_.Status().stored_event_count(), 0U);
}

TEST_F(BadInputTest, AnEmptyStreamAndAnEmptyBatchAreFine) {
  grpc::ClientContext context;
  const auto stub = v1::IngestService::NewStub(deployment_.Channel());
  const auto stream = stub->StreamUsage(&context);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  v1::StreamUsageRequest request;
  request.set_sequence(3);
  v1::StreamUsageResponse response;
  EXPECT_TRUE(Send(request, response).ok());
  EXPECT_EQ(response.sequence(), 3U);
}

TEST_F(BadInputTest, AClientThatVanishesTakesNothingAlong) {
  {
    grpc::ClientContext context;
    const auto stub = v1::IngestService::NewStub(deployment_.Channel());
    const auto stream = stub->StreamUsage(&context);
    v1::StreamUsageRequest request;
    AddEvent(request, "before");
    stream->Write(request);
    v1::StreamUsageResponse response;
    ASSERT_TRUE(stream->Read(&response));
    context.TryCancel();
    stream->Finish();
  }
  v1::StreamUsageRequest request;
  AddEvent(request, "before");
  AddEvent(request, "after");
  v1::StreamUsageResponse response;
  ASSERT_TRUE(Send(request, response).ok());
  EXPECT_EQ(response.accepted_count(), 1U);
  EXPECT_EQ(response.duplicate_count(), 1U);
}

TEST_F(BadInputTest, EventsWithoutIdAreCountedOnceWhenTheBatchIsSentAgain) {
  v1::StreamUsageRequest request;
  request.set_sequence(1);
  request.set_source_id("gateway-1");
  AddEvent(request, "");
  AddEvent(request, "");
  v1::StreamUsageResponse response;
  ASSERT_TRUE(Send(request, response).ok());
  EXPECT_EQ(response.accepted_count(), 2U);
  ASSERT_TRUE(Send(request, response).ok());
  EXPECT_EQ(response.duplicate_count(), 2U);
}

TEST_F(BadInputTest, BadLinesOfAFileAreReportedAndTheRestIsImported) {
  const TemporaryDirectory directory;
  const std::string good = R"({"event_id":"e1","account_id":"a","time_unix_nano":"1772409600000000000"})";
  WriteFile(directory / "events.jsonl",
            good + "\n" + good.substr(0, 40) + "\n" + R"({"account_id":7,"time_unix_nano":1772409600000000000})" + "\n" +
                R"({"account_id":"a","time_unix_nano":1772409600000000000,"input_tokens":-5})" + "\n" +
                R"({"account_id":"a","time_unix_nano":1772409600000000000,"temperature":NaN})" + "\n" +
                R"({"account_id":"a","time_unix_nano":1772409600000000000,"end_user_id":")" + "\xFF\xFE" + "\"}\n" +
                R"({"event_id":"e2","account_id":"a","time_unix_nano":1772409600000000001,"novelty":[1]})" + "\n" + good + "\n");
  const Finished finished = deployment_.Client({"import", "events", directory / "events.jsonl"});
  EXPECT_EQ(finished.exit_code, 3);
  EXPECT_EQ(NumberIn(finished.output, "accepted"), 2);
  EXPECT_EQ(NumberIn(finished.output, "duplicate"), 1);
  EXPECT_EQ(NumberIn(finished.output, "rejected"), 5);
  EXPECT_EQ(NumberIn(finished.output, "unknown_fields"), 1);
  for (const char* line : {":2:", ":3:", ":4:", ":5:", ":6:"}) {
    EXPECT_NE(finished.errors.find("events.jsonl" + std::string(line)), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace stillwatch::blackbox
