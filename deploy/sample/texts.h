// Prompts made by a small grammar.
#pragma once

#include <string>
#include <string_view>

#include "deploy/sample/random.h"

namespace stillwatch::sample {

// Replaces each {rule} of `text` by one of the rule's alternatives, again and again, and {#} by a number up to 999.
std::string Expand(std::string_view text, Random& random);

}  // namespace stillwatch::sample
