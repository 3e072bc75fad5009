// Sets light or dark before the first paint; a module would come too late and flash.
(() => {
  const KEY = "orchestrator.theme";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // storage is switched off: follow the system
    }
  }

  function apply(theme) {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
  }

  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
  }

  /** Turns light to dark and back; the system's own choice is followed again once they agree. */
  function toggle() {
    const wanted = isDark() ? "light" : "dark";
    const agrees = (wanted === "dark") === dark.matches;
    apply(agrees ? null : wanted);
    try {
      if (agrees) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, wanted);
    } catch {
      // the choice then lasts as long as the page
    }
  }

  apply(chosen());
  window.theme = { isDark, toggle };
})();
