// Plots of bars as SVG, to stand within an HTML page.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "detector/markup_writer.h"

namespace stillwatch::detector {

// What a bar or a mark says, and with it its colour; the page's style sheet defines it.
enum class Tone : uint8_t { kNeutral, kReview, kAct };

enum class PlotScale : uint8_t { kLinear, kLogarithmic };

// Bars side by side, all equally wide, over an axis with ticks and vertical marks. Positions are in bars: 2.5 is the
// middle of the third.
struct BarPlot {
  struct Tick {
    double position;
    std::string label;
  };
  struct Mark {
    double position;
    std::string label;
    Tone tone;
  };

  std::string title;  // For those who cannot see it.
  std::string x_title;
  std::string y_title;
  PlotScale y_scale = PlotScale::kLinear;
  double height_px = 240;
  std::vector<uint64_t> values;
  std::vector<Tone> tones;                // Of each bar; empty: all neutral.
  std::vector<std::string> descriptions;  // Of each bar, shown when pointed at.
  std::vector<Tick> ticks;
  std::vector<Mark> marks;
};

// Draws the plot: an <svg> element of classes, without colours of its own.
MarkupWriter DrawSvg(const BarPlot& plot);

// Ticks at round times for bars of `period_nano` from `first_unix_nano` on, at most about ten.
std::vector<BarPlot::Tick> TimeTicks(int64_t first_unix_nano, int64_t period_nano, size_t bar_count);

}  // namespace stillwatch::detector
