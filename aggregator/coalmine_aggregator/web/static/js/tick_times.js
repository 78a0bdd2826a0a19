// Where a time axis has its ticks: at round times on the clock that is shown, whatever is done to that clock.

const HOUR_S = 3600;

/** The first moment at which that clock shows `wall`, where it leaps over that the moment of the leap. */
function momentOf(wall, offset) {
  const offsets = [-1, 1].map((days) => offset(wall + days * 86_400));
  const found = offsets.map((seconds) => wall - seconds).filter((at) => at + offset(at) === wall);
  return found.length > 0 ? Math.min(...found) : wall - Math.min(...offsets);
}

/**
 * The moments from `first` up to `end`, which is none of them, `every` seconds apart on a clock that is
 * `offset(moment)` seconds ahead of UTC. All are seconds since the epoch.
 */
export function tickTimes(first, end, every, offset) {
  // Clocks are set by whole hours, but for one island's: finer ticks just go on.
  const ahead = offset(first);
  const at = every > HOUR_S ? (wall) => momentOf(wall, offset) : (wall) => wall - ahead;
  const times = [];
  for (let wall = Math.floor((first + ahead) / every) * every; at(wall) < end; wall += every) {
    if (at(wall) >= first && at(wall) !== times.at(-1)) times.push(at(wall));
  }
  return times;
}
