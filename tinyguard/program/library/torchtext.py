from torch.utils.data import DataLoader


class Field:
    def __init__(self, *args, **kwargs):
        pass

    def build_vocab(self, *args, **kwargs):
        pass


class LabelField(Field):
    pass


class BucketIterator:
    def __init__(self, dataset, batch_size=1, **kwargs):
        self.loader = DataLoader(dataset, batch_size=batch_size, shuffle=True)

    def __iter__(self):
        return iter(self.loader)

    @staticmethod
    def splits(datasets, batch_size=None, batch_sizes=None, **kwargs):
        return tuple(DataLoader(dataset, batch_size=batch_size, shuffle=True) for dataset in datasets)


class Iterator(BucketIterator):
    pass
