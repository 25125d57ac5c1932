// Runs before the page is painted, so that a chosen theme does not flash the other.
(function () {
  try {
    var chosen = localStorage.getItem('sitwell.theme');
    if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
  } catch (_) {
    // Storage may be closed to the page; then the system's theme counts.
  }
})();
