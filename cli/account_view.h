// Accounts as people read them at a terminal.
#pragma once

#include <ostream>
#include <vector>

#include "cli/table.h"
#include "stillwatch/v1/query.pb.h"
#include "stillwatch/v1/score.pb.h"

namespace stillwatch::cli {

Table SuspectsTable();
std::vector<Cell> SuspectRow(const v1::AccountScore& score);

void PrintAccount(std::ostream& out, Colour colour, const v1::GetAccountResponse& account);
void PrintExplanation(std::ostream& out, Colour colour, const v1::ExplainAccountResponse& explanation);
void PrintChange(std::ostream& out, Colour colour, const v1::VerdictChange& change);

}  // namespace stillwatch::cli
