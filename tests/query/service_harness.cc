#include "tests/query/service_harness.h"

#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <future>
#include <string_view>
#include <utility>

#include "storage/memory_store.h"
#include "storage/record_store.h"

namespace stillwatch::query {
namespace {

std::unique_ptr<ingest::Pipeline> StartPipeline(storage::KeyValueStore& store, detector::ScoringEngine& engine,
                                                VerdictHub& verdicts) {
  engine.OnVerdictChange([&verdicts](const VerdictChange& change) { verdicts.Publish(change); });
  Result<std::unique_ptr<ingest::Pipeline>> pipeline = ingest::Pipeline::Start(store, engine, {});
  if (!pipeline.ok()) std::abort();
  return std::move(pipeline).value();
}

}  // namespace

ServiceHarness::ServiceHarness()
    : store_(storage::MakeMemoryStore()),
      engine_({}, detector::SerialFor),
      pipeline_(StartPipeline(*store_, engine_, verdicts_)),
      decisions_(
          enforcement::PolicyOptions(), [this](std::string_view id) { return engine_.StandingOf(id); },
          [] { return kStartTime; }),
      query_service_(*pipeline_, engine_, verdicts_, workers_, [this](std::string_view id) { return decisions_.Ask(id); }),
      label_service_(*pipeline_, engine_, *store_, workers_, [this] { return ++label_time_unix_nano_; }),
      eraser_(*store_, *pipeline_, engine_, upkeep_mutex_,
              [](const std::string&, const std::stop_token&) { return uint64_t{0}; }),
      admin_service_(*pipeline_, engine_, ingest_counters_, sources_, *store_, eraser_, workers_, "/nowhere") {
  grpc::ServerBuilder builder;
  builder.RegisterService(&query_service_);
  builder.RegisterService(&label_service_);
  builder.RegisterService(&admin_service_);
  server_ = builder.BuildAndStart();
  const std::shared_ptr<grpc::Channel> channel = server_->InProcessChannel({});
  query_stub_ = v1::QueryService::NewStub(channel);
  label_stub_ = v1::LabelService::NewStub(channel);
  admin_stub_ = v1::AdminService::NewStub(channel);
}

ServiceHarness::~ServiceHarness() {
  verdicts_.Shutdown();
  server_->Shutdown();
  pipeline_->Drain();
}

void ServiceHarness::Submit(const std::string& account_id, int count,
                            const std::function<void(UsageBatch&, size_t row)>& fill) {
  auto texts = std::make_shared<std::deque<std::string>>();
  auto batch = std::make_shared<UsageBatch>();
  batch->KeepAlive(texts);
  for (int i = 0; i < count; ++i) {
    const size_t row = batch->AddRow();
    batch->SetText(row, TextField::kEventId, texts->emplace_back(account_id + "/" + std::to_string(i)));
    batch->SetText(row, TextField::kAccountId, texts->emplace_back(account_id));
    batch->SetText(row, TextField::kOrganizationId, texts->emplace_back("org-of-" + account_id));
    batch->SetNumber(row, NumberField::kTimeUnixNano, static_cast<uint64_t>(kStartTime + i * kNanosecondsPerMinute));
    fill(*batch, row);
  }
  std::promise<void> durable;
  ingest::SubmittedBatch submitted;
  submitted.observed = detector::Observe(batch);
  submitted.events = std::move(batch);
  submitted.on_durable = [&durable](uint32_t, uint32_t) { durable.set_value(); };
  pipeline_->Submit(std::move(submitted));
  durable.get_future().wait();
}

void ServiceHarness::AddEvents(const std::string& account_id, int count) {
  Submit(account_id, count, [](UsageBatch&, size_t) {});
}

void ServiceHarness::AddSuspect(const std::string& account_id, int count) {
  Submit(account_id, count, [](UsageBatch& batch, size_t row) {
    batch.SetNumber(row, NumberField::kPromptHash, 1);
    batch.SetNumber(row, NumberField::kLogitBiasCount, 1 + row % 7);
    batch.SetNumber(row, NumberField::kTopLogprobs, 5);
  });
}

void ServiceHarness::AddProfile(const AccountProfile& profile) {
  storage::WriteGroup records;
  storage::PutProfile(profile, records);
  std::promise<void> applied;
  pipeline_->Write(
      std::move(records), [this, profile] { engine_.SetProfile(profile); }, [&applied] { applied.set_value(); });
  applied.get_future().wait();
}

v1::SetLabelResponse ServiceHarness::SetLabel(const std::string& account_id, v1::Label label, const std::string& note) {
  v1::SetLabelRequest request;
  request.set_account_id(account_id);
  request.set_label(label);
  request.set_note(note);
  grpc::ClientContext context;
  v1::SetLabelResponse response;
  const grpc::Status status = label_stub_->SetLabel(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

}  // namespace stillwatch::query
