// What the detector knows of an account, as the API says it.
#pragma once

#include <google/protobuf/repeated_field.h>

#include "detector/account_partition.h"
#include "detector/baseline.h"
#include "features/feature_matrix.h"
#include "proto/records.h"
#include "stillwatch/v1/query.pb.h"
#include "stillwatch/v1/score.pb.h"
#include "stillwatch/v1/usage.pb.h"

namespace stillwatch::query {

// Evidence below this is not worth an analyst's line: a likelihood ratio of 1.1. It counts in the risk all the same.
inline constexpr double kEvidenceLogOddsMin = 0.1;

// Describes one account against the baseline that it was assessed with.
// Threading: for one thread. Ownership: `account` and `baseline` must outlive it.
class AccountDescription {
 public:
  AccountDescription(const detector::AccountDetail& account, const detector::Baseline& baseline);

  // The evidence is what detectors found, strongest first; an analyst's label is none.
  void FillScore(v1::AccountScore& out) const;
  // "base" first, then every detector, so that it also shows what was not found, then the label if there is one.
  // Their sum is the account's log-odds.
  void FillTerms(google::protobuf::RepeatedPtrField<v1::RiskTerm>& out) const;
  void FillFeatures(google::protobuf::RepeatedPtrField<v1::Feature>& out) const;
  void FillTimeline(google::protobuf::RepeatedPtrField<v1::VerdictChange>& out) const;

 private:
  detector::AccountView View() const {
    return {account_.live.portrait, features_, peers_, everyone_, account_.live.membership};
  }

  const detector::AccountDetail& account_;
  const detector::PeerBaseline& peers_;
  const detector::PeerBaseline& everyone_;
  const features::FeatureRow features_;
};

void FillProfile(const AccountProfile& profile, v1::AccountProfile& out);
void FillChange(const VerdictChange& change, v1::VerdictChange& out);

inline v1::Verdict ToProto(Verdict verdict) { return static_cast<v1::Verdict>(verdict); }
inline v1::Label ToProto(Label label) { return static_cast<v1::Label>(label); }

}  // namespace stillwatch::query
