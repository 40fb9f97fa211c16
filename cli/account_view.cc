#include "cli/account_view.h"

#include <cmath>
#include <string>
#include <string_view>

#include "cli/score_record.h"
#include "cli/time_argument.h"

namespace stillwatch::cli {
namespace {

std::string Signed(double value) { return (value < 0 ? "" : "+") + FormatFixed(value, 2); }

std::string OrDash(std::string_view text) { return text.empty() ? "-" : Printable(text); }

// The strongest piece in words, and how many more there are.
std::string EvidenceInShort(const v1::AccountScore& score) {
  if (score.evidence().empty()) return "-";
  std::string text = Printable(score.evidence(0).summary());
  if (text.empty()) text = Printable(score.evidence(0).detector());
  if (score.evidence_size() > 1) text += "  (+" + std::to_string(score.evidence_size() - 1) + " more)";
  return text;
}

void PrintPair(std::ostream& out, std::string_view name, const std::string& value) {
  constexpr size_t kNameWidth = 14;
  out << "  " << name << std::string(kNameWidth - std::min(name.size(), kNameWidth), ' ') << value << '\n';
}

void PrintTitle(std::ostream& out, Colour colour, std::string_view title) {
  out << '\n' << Styled(title, Style::kBold, colour) << '\n';
}

void PrintScore(std::ostream& out, Colour colour, const v1::AccountScore& score) {
  const Cell risk = RiskCell(score.risk(), score.verdict());
  const Cell verdict = VerdictCell(score.verdict());
  out << Styled(Printable(score.account_id()), Style::kBold, colour) << "  "
      << Styled(verdict.text, verdict.style, colour) << "  " << Styled(risk.text, risk.style, colour) << '\n';
  PrintPair(out, "events", FormatCount(score.event_count()));
  PrintPair(out, "organization", OrDash(score.organization_id()));
  PrintPair(out, "label", std::string(LabelName(score.label())));
  if (!score.cluster_id().empty()) PrintPair(out, "group", Printable(score.cluster_id()));
  if (score.first_review_time_unix_nano() != 0) {
    PrintPair(out, "first review",
              FormatTime(score.first_review_time_unix_nano()) + " after " +
                  FormatCount(score.events_at_first_review()) + " events");
  }
  if (score.first_act_time_unix_nano() != 0) {
    PrintPair(out, "first act",
              FormatTime(score.first_act_time_unix_nano()) + " after " + FormatCount(score.events_at_first_act()) +
                  " events");
  }
}

void PrintEvidence(std::ostream& out, Colour colour, const v1::AccountScore& score) {
  if (score.evidence().empty()) return;
  PrintTitle(out, colour, "Evidence");
  Table table({{"LOG-ODDS", Align::kRight}, {"FAMILY"}, {"DETECTOR"}, {"SUMMARY"}});
  for (const v1::Evidence& evidence : score.evidence()) {
    table.AddRow({Signed(evidence.strength()), std::string(FamilyName(evidence.family())),
                  Printable(evidence.detector()), Printable(evidence.summary())});
  }
  table.Print(out, colour);
}

void PrintProfile(std::ostream& out, Colour colour, const v1::AccountProfile& profile) {
  PrintTitle(out, colour, "Profile");
  PrintPair(out, "created", FormatTime(profile.created_time_unix_nano()));
  PrintPair(out, "plan", OrDash(profile.plan()));
  PrintPair(out, "e-mail domain", OrDash(profile.email_domain()));
  PrintPair(out, "country", OrDash(profile.country()));
  PrintPair(out, "signed up at", OrDash(profile.signup_address()));
  PrintPair(out, "payment", OrDash(profile.payment_fingerprint()));
  PrintPair(out, "suspended", FormatTime(profile.suspended_time_unix_nano()));
}

void PrintFeatures(std::ostream& out, Colour colour, const v1::GetAccountResponse& account) {
  if (account.features().empty()) return;
  PrintTitle(
      out, colour,
      "Features beside the peers" + (account.peer_group().empty() ? "" : " (" + Printable(account.peer_group()) + ")"));
  Table table({{"FEATURE"},
               {"VALUE", Align::kRight},
               {"PEER MEDIAN", Align::kRight},
               {"PEER SPREAD", Align::kRight},
               {"DEVIATION", Align::kRight}});
  for (const v1::Feature& feature : account.features()) {
    const double deviation = (feature.value() - feature.peer_median()) / feature.peer_spread();
    table.AddRow({Printable(feature.name()), FormatFixed(feature.value(), 3), FormatFixed(feature.peer_median(), 3),
                  FormatFixed(feature.peer_spread(), 3),
                  Cell(std::isfinite(deviation) ? Signed(deviation) : "-",
                       std::fabs(deviation) >= 3 ? Style::kYellow : Style::kPlain)});
  }
  table.Print(out, colour);
}

}  // namespace

Table SuspectsTable() {
  return Table({{"RISK"},
                {"VERDICT"},
                {"ACCOUNT"},
                {"EVENTS", Align::kRight},
                {"FIRST REVIEW"},
                {"FIRST ACT"},
                {"LABEL"},
                {"GROUP"},
                {"EVIDENCE"}});
}

std::vector<Cell> SuspectRow(const v1::AccountScore& score) {
  return {RiskCell(score.risk(), score.verdict()),
          VerdictCell(score.verdict()),
          Printable(score.account_id()),
          FormatCount(score.event_count()),
          FormatTime(score.first_review_time_unix_nano()),
          FormatTime(score.first_act_time_unix_nano()),
          LabelCell(score.label()),
          OrDash(score.cluster_id()),
          EvidenceInShort(score)};
}

void PrintAccount(std::ostream& out, Colour colour, const v1::GetAccountResponse& account) {
  PrintScore(out, colour, account.score());
  PrintPair(out, "first event", FormatTime(account.first_event_time_unix_nano()));
  PrintPair(out, "last event", FormatTime(account.last_event_time_unix_nano()));
  PrintEvidence(out, colour, account.score());
  if (!account.timeline().empty()) {
    PrintTitle(out, colour, "Timeline");
    for (const v1::VerdictChange& change : account.timeline()) PrintChange(out, colour, change);
  }
  if (account.has_profile()) PrintProfile(out, colour, account.profile());
  PrintFeatures(out, colour, account);
  out.flush();
}

void PrintExplanation(std::ostream& out, Colour colour, const v1::ExplainAccountResponse& explanation) {
  PrintScore(out, colour, explanation.score());
  PrintTitle(out, colour, "Terms of the log-odds");
  Table table({{"LOG-ODDS", Align::kRight},
               {"DETECTOR"},
               {"FAMILY"},
               {"VALUE", Align::kRight},
               {"PEERS", Align::kRight},
               {"SUMMARY"}});
  for (const v1::RiskTerm& term : explanation.terms()) {
    const bool is_base = term.family() == v1::EVIDENCE_FAMILY_UNSPECIFIED;
    table.AddRow({Cell(Signed(term.log_odds()), term.log_odds() > 0 ? Style::kYellow : Style::kPlain),
                  Printable(term.detector()), OrDash(FamilyName(term.family())),
                  is_base ? "-" : FormatFixed(term.value(), 3), is_base ? "-" : FormatFixed(term.population_value(), 3),
                  OrDash(term.summary())});
  }
  table.Print(out, colour);
  out << '\n'
      << Signed(explanation.log_odds()) << " in sum, risk " << FormatFixed(explanation.score().risk(), 4)
      << "; review from " << Signed(explanation.review_log_odds()) << ", act from "
      << Signed(explanation.act_log_odds()) << " if two families have evidence (here "
      << explanation.evidence_family_count() << ") and it belongs to its group, or does the same without it, with a "
      << "probability of " << FormatFixed(explanation.act_own_doing(), 2) << " (here "
      << FormatFixed(explanation.own_doing(), 2) << ")\n"
      << std::flush;
}

void PrintChange(std::ostream& out, Colour colour, const v1::VerdictChange& change) {
  const Cell to = VerdictCell(change.to_verdict());
  out << "  " << FormatTime(change.time_unix_nano()) << "  " << Printable(change.account_id()) << "  "
      << VerdictName(change.from_verdict()) << " → " << Styled(to.text, to.style, colour) << "  risk "
      << FormatFixed(change.risk(), 4) << "  after " << FormatCount(change.event_count()) << " events\n";
}

}  // namespace stillwatch::cli
