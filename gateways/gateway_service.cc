#include "gateways/gateway_service.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gateways/event_builder.h"
#include "gateways/value_conversion.h"
#include "ingest/validation.h"
#include "proto/grpc_status.h"

namespace stillwatch::gateways {
namespace {

constexpr size_t kContentBytesMax = 16u << 20;
constexpr int kMessagesMax = 1000;
constexpr size_t kShownValueBytes = 100;

// Words for a value of a message; bytes that are no UTF-8 cannot be in a proto's string.
std::string Show(std::string_view text) {
  const std::string_view cut = ingest::CutTo(text, kShownValueBytes);
  return simdjson::validate_utf8(cut) ? std::string(cut) : "(not UTF-8)";
}

v1::MessageOutcome OutcomeOf(EventBuilder::Outcome outcome) {
  switch (outcome) {
    case EventBuilder::Outcome::kEvent:
      return v1::MESSAGE_OUTCOME_EVENT;
    case EventBuilder::Outcome::kIgnored:
      return v1::MESSAGE_OUTCOME_IGNORED;
    case EventBuilder::Outcome::kRejected:
      return v1::MESSAGE_OUTCOME_REJECTED;
  }
  return v1::MESSAGE_OUTCOME_UNSPECIFIED;
}

// Explains messages one by one.
class Explainer {
 public:
  Explainer(const RecordMapper& mapper, const features::PromptDigester& digester, int64_t now)
      : mapper_(mapper), digester_(digester), now_(now) {}

  void Explain(Record& record, std::string_view event_id, v1::ExplainedMessage& out) const {
    EventBuilder builder(mapper_, digester_, now_);
    std::vector<FieldOutcome> outcomes;
    const EventBuilder::Outcome outcome = builder.Add(record, event_id, &outcomes);
    out.set_outcome(OutcomeOf(outcome));
    if (!builder.rejections().empty()) out.set_rejection(Show(builder.rejections()[0].message));
    if (builder.event_count() > 0) out.set_event_id(std::string(builder.batch().text(0, TextField::kEventId)));
    for (const FieldOutcome& field : outcomes) {
      v1::MappedField* mapped = out.add_mapped();
      mapped->set_field(std::string(field.target.name()));
      mapped->set_key(Show(field.key));
      mapped->set_value(Show(field.value));
      mapped->set_problem(Show(field.problem));
    }
    for (const Field& field : record.fields()) {
      const bool is_used = std::ranges::any_of(outcomes, [&](const FieldOutcome& o) { return o.key == field.key; });
      if (is_used || (outcome != EventBuilder::Outcome::kIgnored && mapper_.IsKnown(field.key))) continue;
      std::string scratch;
      v1::UnmappedField* unmapped = out.add_unmapped();
      unmapped->set_key(Show(field.key));
      unmapped->set_value(Show(field.value.kind == ValueKind::kJson ? field.value.text : ToText(field.value, scratch)));
    }
  }

 private:
  const RecordMapper& mapper_;
  const features::PromptDigester& digester_;
  const int64_t now_;
};

}  // namespace

Status GatewayService::Explain(const v1::ExplainMappingRequest& request, v1::ExplainMappingResponse& response) const {
  if (request.content().size() > kContentBytesMax) return {Code::kInvalidArgument, "the content has more than 16 MiB"};
  const ReadRecords* read = catalog_.reader(request.listener());
  if (read == nullptr) {
    std::string names;
    for (const std::string& name : catalog_.names()) names += (names.empty() ? "" : ", ") + name;
    return {Code::kNotFound, "there is no listener \"" + Show(request.listener()) + "\", only " + names};
  }
  const Explainer explainer(*catalog_.mapper(request.listener()), digester_, clock_());
  return (*read)(request.content(), [&](Record& record, std::string_view event_id) {
    if (response.messages_size() < kMessagesMax) {
      explainer.Explain(record, event_id, *response.add_messages());
    } else {
      response.set_omitted_message_count(response.omitted_message_count() + 1);
    }
  });
}

grpc::ServerUnaryReactor* GatewayService::ExplainMapping(grpc::CallbackServerContext* context,
                                                         const v1::ExplainMappingRequest* request,
                                                         v1::ExplainMappingResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  post_([this, request, response, reactor] { reactor->Finish(ToGrpcStatus(Explain(*request, *response))); });
  return reactor;
}

}  // namespace stillwatch::gateways
