// Classes of phrases that give away what a prompt is for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace stillwatch::features {

// On disk (bit positions of the digest's markers), append only.
enum class Marker : uint8_t {
  kReasoningElicitation = 0,  // Asks for the steps of the reasoning.
  kTraceCoercion = 1,         // Asks for hidden reasoning, word for word.
  kRubricGrading = 2,         // Lets the model judge or score answers.
  kBulkGeneration = 3,        // Asks for many tasks, questions or examples at once.
  kPromptEvolution = 4,       // Asks for prompts to be rewritten or made harder.
  kSimulatedUser = 5,         // Lets the model play the user.
};
inline constexpr size_t kMarkerCount = 6;

// Names as in markers.txt.
inline constexpr std::array<std::string_view, kMarkerCount> kMarkerNames = {
    "reasoning_elicitation", "trace_coercion", "rubric_grading", "bulk_generation", "prompt_evolution", "simulated_user"};

}  // namespace stillwatch::features
