#include "detector/membership.h"

#include <cinttypes>
#include <cstdio>

namespace stillwatch::detector {

std::string CampaignId(uint64_t campaign) {
  if (campaign == 0) return {};
  char text[17];
  std::snprintf(text, sizeof(text), "%016" PRIx64, campaign);
  return text;
}

}  // namespace stillwatch::detector
