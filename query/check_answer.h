// What a gateway is told of an account.
#pragma once

#include <functional>
#include <string_view>

#include "detector/account_partition.h"
#include "proto/decision.h"

namespace stillwatch::query {

struct CheckAnswer {
  detector::Standing standing;
  Permission permission = Permission::kAllowed;
};

// Answers from memory, without waiting for anything, whether an account may go on; see enforcement/decision_book.h.
using CheckAccountNow = std::function<CheckAnswer(std::string_view account_id)>;

}  // namespace stillwatch::query
