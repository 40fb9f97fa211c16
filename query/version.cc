#include "query/version.h"

#include "features/word_list.h"

namespace stillwatch::query {

std::string_view Version() { return STILLWATCH_VERSION; }
std::string_view Build() { return STILLWATCH_BUILD; }
std::string_view InstructionSet() { return features::WordList::BestInstructionSet(); }

}  // namespace stillwatch::query
