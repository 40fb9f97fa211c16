#include "features/observation.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace stillwatch::features {
namespace {

// Fills members of observations from columns of a batch; a column that no row has costs nothing.
class ColumnReader {
 public:
  ColumnReader(const UsageBatch& batch, std::vector<Observation>& out) : batch_(batch), out_(out) {}

  void ReadHash(TextField field, uint64_t Observation::*member) {
    if (batch_.ColumnIsEmpty(field)) return;
    const std::vector<uint64_t> hashes = batch_.HashRows(field);
    for (size_t row = 0; row < out_.size(); ++row) out_[row].*member = hashes[row];
  }

  template <typename T>
  void ReadNumber(NumberField field, T Observation::*member) {
    ForPresent(field, [&](Observation& event, uint64_t number) {
      event.*member = static_cast<T>(std::min<uint64_t>(number, std::numeric_limits<T>::max()));
    });
  }

  // Calls `set` with each row's observation and its number, where the row has one.
  template <typename Set>
  void ForPresent(NumberField field, const Set& set) {
    if (batch_.ColumnIsEmpty(field)) return;
    const std::span<const uint64_t> numbers = batch_.column(field);
    const std::span<const uint64_t> presence = batch_.presence();
    const uint64_t bit = uint64_t{1} << static_cast<size_t>(field);
    for (size_t row = 0; row < std::min(out_.size(), numbers.size()); ++row) {
      if ((presence[row] & bit) != 0) set(out_[row], numbers[row]);
    }
  }

 private:
  const UsageBatch& batch_;
  std::vector<Observation>& out_;
};

void ReadClientBundles(const UsageBatch& batch, std::vector<Observation>& out) {
  const bool is_known = !batch.ColumnIsEmpty(NumberField::kClientAsn) ||
                        !batch.ColumnIsEmpty(TextField::kTlsFingerprint) || !batch.ColumnIsEmpty(TextField::kUserAgent);
  if (!is_known) return;
  const std::vector<uint64_t> fingerprints = batch.HashRows(TextField::kTlsFingerprint);
  const std::vector<uint64_t> agents = batch.HashRows(TextField::kUserAgent);
  for (size_t row = 0; row < out.size(); ++row) {
    const uint64_t parts[] = {batch.number(row, NumberField::kClientAsn), fingerprints[row], agents[row]};
    if (parts[0] == 0 && parts[1] == 0 && parts[2] == 0) continue;
    out[row].client_bundle_hash = XXH3_64bits(parts, sizeof(parts));
    if (parts[1] != 0 || parts[2] != 0) out[row].client_hash = XXH3_64bits(parts + 1, 2 * sizeof(parts[1]));
  }
}

}  // namespace

std::vector<Observation> MakeObservations(const UsageBatch& batch) {
  std::vector<Observation> out(batch.size());
  ColumnReader reader(batch, out);
  reader.ReadHash(TextField::kEventId, &Observation::event_hash);
  reader.ReadHash(TextField::kOrganizationId, &Observation::organization_hash);
  reader.ReadHash(TextField::kConversationId, &Observation::conversation_hash);
  reader.ReadHash(TextField::kEndUserId, &Observation::end_user_hash);
  reader.ReadHash(TextField::kClientAddress, &Observation::address_hash);
  reader.ReadHash(TextField::kRequestModel, &Observation::model_hash);
  ReadClientBundles(batch, out);
  reader.ForPresent(NumberField::kTimeUnixNano,
                    [](Observation& event, uint64_t time) { event.time_unix_nano = static_cast<int64_t>(time); });
  reader.ReadNumber(NumberField::kSystemHash, &Observation::system_hash);
  reader.ReadNumber(NumberField::kPromptHash, &Observation::prompt_hash);
  reader.ReadNumber(NumberField::kTemplateHash, &Observation::template_hash);
  reader.ReadNumber(NumberField::kHeadHash, &Observation::head_hash);
  reader.ReadNumber(NumberField::kPromptSketch, &Observation::prompt_sketch);
  reader.ReadNumber(NumberField::kMarkers, &Observation::markers);
  reader.ReadNumber(NumberField::kPromptWords, &Observation::prompt_words);
  reader.ReadNumber(NumberField::kInputTokens, &Observation::input_tokens);
  reader.ForPresent(NumberField::kOutputTokens, [](Observation& event, uint64_t) { event.knows_output_tokens = true; });
  reader.ReadNumber(NumberField::kOutputTokens, &Observation::output_tokens);
  reader.ReadNumber(NumberField::kDurationMs, &Observation::duration_ms);
  reader.ReadNumber(NumberField::kMaxTokens, &Observation::max_tokens);
  reader.ForPresent(NumberField::kMessageCount, [](Observation& event, uint64_t) { event.knows_message_count = true; });
  reader.ReadNumber(NumberField::kMessageCount, &Observation::message_count);
  reader.ForPresent(NumberField::kTemperature, [](Observation& event, uint64_t bits) {
    event.temperature = static_cast<float>(std::bit_cast<double>(bits));
  });
  reader.ReadNumber(NumberField::kStatusCode, &Observation::status_code);
  reader.ReadNumber(NumberField::kChoiceCount, &Observation::choice_count);
  reader.ReadNumber(NumberField::kTopLogprobs, &Observation::top_logprobs);
  reader.ReadNumber(NumberField::kLogitBiasCount, &Observation::logit_bias_count);
  reader.ReadNumber(NumberField::kToolCount, &Observation::tool_count);
  return out;
}

}  // namespace stillwatch::features
