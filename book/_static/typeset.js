// Typeset the formulas a few at a time, so that the page answers in between: first those that are in view.
if (window.MathJax && !window.MathJax.startup) {
  window.MathJax.startup = {
    async pageReady() {
      const formulas = [...document.querySelectorAll(".math")];
      let from;
      while (formulas.length) {
        if (from !== window.scrollY) {
          from = window.scrollY;
          const away = new Map(formulas.map((f) => [f, Math.abs(f.getBoundingClientRect().top - window.innerHeight / 2)]));
          formulas.sort((f, g) => away.get(f) - away.get(g));
        }
        await MathJax.typesetPromise(formulas.splice(0, 6));
        await new Promise((resolve) => setTimeout(resolve));
      }
    },
  };
}

// With its fonts a page takes other room: the theme then looks again for what scrolls, to let the keyboard reach it.
document.fonts.addEventListener("loadingdone", () => window.dispatchEvent(new Event("resize")));
